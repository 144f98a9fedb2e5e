"""What agents may reach: the gateway, by whose key, and files below which folders."""

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

from mcp.server.mcpserver import Context
from triptych.client import Client

_REFERENCES = ("item:", "http://", "https://")
_DATA = "data:"


@dataclass(frozen=True)
class Access:
    """How tools reach the gateway."""

    url: str | None = None
    """By default as for the client."""
    roots: tuple[Path, ...] = ()
    """The folders whose files may be read and sent; none by default."""
    keys_of_callers: bool = False
    """Whether each request has a key of its own, as over HTTP, where nobody gets ours."""

    def client(self, context: Context) -> Client:
        """A connection with the key of who calls."""
        if not self.keys_of_callers:
            return Client(self.url)
        request = context.request_context.request
        sent = request.headers.get("authorization") if request is not None else None
        headers = {"authorization": sent} if sent else {}
        return Client(self.url, key="", headers=headers)

    def medium(self, given: str) -> str | bytes:
        """A picture or sound of a query: a reference as it is, else its bytes.

        Args:
            given: ``item:ID``, a URL, ``data:…;base64,…``, or the path of a file below a root.

        Raises:
            ValueError: it is none of these.
            OSError: the file can't be read.
        """
        if given.startswith(_REFERENCES):
            return given
        if given.startswith(_DATA):
            head, _, body = given.partition(",")
            if not head.endswith(";base64"):
                raise ValueError("data: is accepted in base64 only")
            try:
                return base64.b64decode(body, validate=True)
            except binascii.Error as error:
                raise ValueError(f"data: is not base64: {error}") from error
        return self.path(given).read_bytes()

    def path(self, given: str) -> Path:
        """A file or folder below a root, links resolved. Raises ValueError for any other."""
        try:
            path = Path(given).expanduser().resolve()
        except RuntimeError as error:  # an unknown user, or links in a circle
            raise ValueError(f"{given!r} leads nowhere: {error}") from error
        if not any(path.is_relative_to(root) for root in self.roots):
            allowed = ", ".join(map(str, self.roots)) or "none; see triptych mcp --root"
            raise ValueError(f"{given!r} is not below a folder that may be read ({allowed})")
        return path
