"""What the client raises."""


class ClientError(RuntimeError):
    """The gateway refused, or can't be reached; ``status`` is None for the latter."""

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status
