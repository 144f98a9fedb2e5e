"""Files elsewhere that a manifest names: by URLs of allowed hosts, and in allowed buckets."""

from collections.abc import Sequence

from triptych.core.errors import InvalidInput, MediaError, StoreUnavailable, TooLarge
from triptych.core.names import printable
from triptych.core.settings import Settings
from triptych.media.fetching import fetch, is_url

_FORBIDDEN = frozenset({"NoCredentialsError", "PartialCredentialsError"})
"""What libraries of buckets raise where this server has no right to ask."""


def read_remote(settings: Settings, name: str) -> bytes:
    """The bytes of a file at a URL, or in a bucket.

    Raises:
        InvalidInput: it is not there, or may not be read; final for the item.
        TooLarge: above the limit of a file.
        StoreUnavailable: the bucket does not answer now.
    """
    limit = settings.limits.file_bytes
    if is_url(name):
        return fetch(name, "file", hosts=settings.fetch_hosts, max_bytes=limit)
    _check_allowed(name, settings.import_urls)
    return _read_object(name, limit)


def _check_allowed(name: str, folders: Sequence[str]) -> None:
    inside = any(name.startswith(f"{folder.rstrip('/')}/") for folder in folders)
    if not inside or {".", ".."} & set(name.split("/")):
        raise InvalidInput(
            f"file {printable(name)!r} is in none of the folders that TRIPTYCH_IMPORT_URLS allows"
        )


def _read_object(name: str, limit: int) -> bytes:
    import fsspec

    shown = printable(name)
    try:
        files, path = fsspec.url_to_fs(name, use_listings_cache=False)
        data: bytes = files.cat_file(path, start=0, end=limit + 1)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise MediaError(f"file {shown!r} is not there") from error
    except PermissionError as error:
        raise MediaError(f"file {shown!r}: the bucket denies it: {error}") from error
    except Exception as error:  # each kind of bucket has its own
        if type(error).__name__ in _FORBIDDEN:
            raise MediaError(f"file {shown!r}: the bucket denies it: {error}") from error
        raise StoreUnavailable(f"{shown} can't be read now: {error}") from error
    if len(data) > limit:
        raise TooLarge(f"file {shown!r} is larger than the limit of {limit} bytes")
    return data
