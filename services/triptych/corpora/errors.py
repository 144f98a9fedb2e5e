"""The one error of this package."""


class CorpusUnavailable(RuntimeError):
    """The corpus is not available; the message says why."""
