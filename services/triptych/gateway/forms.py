"""Forms that can't be read are errors: Werkzeug takes them for empty ones."""

from typing import IO, Any

from flask import Request
from werkzeug.formparser import FormDataParser

from triptych.core.errors import InvalidInput


class FormParser(FormDataParser):
    """Tells of a form without a boundary, or cut off. Raises InvalidInput."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.silent = False

    def parse(self, stream: IO[bytes], *arguments: Any, **options: Any) -> Any:
        """As the original."""
        try:
            return super().parse(stream, *arguments, **options)
        except ValueError as error:
            raise InvalidInput(f"body is not a form: {error}", field="body") from error


class FormRequest(Request):
    """A request whose form is read by ``FormParser``."""

    form_data_parser_class = FormParser
