"""The one error of this package."""


class CorpusUnavailable(RuntimeError):
    """The corpus can't be had here; the message says why."""
