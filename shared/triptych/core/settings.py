"""Every setting of every process, in one place.

Each field is an environment variable with the prefix ``TRIPTYCH_`` (``redis_url`` is
``TRIPTYCH_REDIS_URL``). Limits are in bytes, pixels, seconds or items, as the name says.
"""

import base64
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LOCAL_URL = "http://127.0.0.1:8080"
"""Where the gateway of a local stack is, unless somebody says otherwise."""
BROWSER_MARK = "tt_"
"""What search tokens begin with."""
_LEAST_KEY, _MOST_KEY = 24, 64
"""How many bytes the key of a webhook has, by its specification."""
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")
_LEAST_ADMIN_KEY = 32
"""Characters. It is kept by its digest, which a guess can be compared with fast."""


def data_home() -> Path:
    """The folder for data that outlives a process (XDG Base Directory specification)."""
    root = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(root) / "triptych"


def cache_home() -> Path:
    """The folder for data that can be fetched again (XDG Base Directory specification)."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "triptych"


def media_folder(home: Path) -> Path:
    """Where a folder of data has its media store."""
    return home / "media"


def index_folder(home: Path) -> Path:
    """Where a folder of data has its embedded index."""
    return home / "index"


class Limits(BaseSettings):
    """The limits of an upload. Uploaded media are hostile until proved otherwise."""

    model_config = SettingsConfigDict(env_prefix="TRIPTYCH_MAX_", frozen=True)

    body_bytes: int = Field(256 * 2**20, gt=0, description="one HTTP request body")
    json_bytes: int = Field(64 * 2**20, gt=0, description="one HTTP request body that is JSON")
    file_bytes: int = Field(64 * 2**20, gt=0, description="one image, text or sound")
    image_pixels: int = Field(64_000_000, gt=0, description="width × height of an image")
    image_bytes: int = Field(
        448 * 2**20, gt=0, description="memory that decoding an image takes, by its size and format"
    )
    text_chars: int = Field(100_000, gt=0, description="characters of an item's text")
    audio_seconds: int = Field(3600, gt=0, description="length of a sound")
    batch_items: int = Field(100_000, gt=0, description="lines of one manifest")
    collection_items: int = Field(
        0, ge=0, description="items of one collection, above which it takes no more; 0 for any"
    )
    archive_bytes: int = Field(4 * 2**30, gt=0, description="one ZIP or TAR")
    archive_content_bytes: int = Field(16 * 2**30, gt=0, description="what it holds, in all")
    archive_members: int = Field(300_000, gt=0, description="files and folders in it")
    upload_bytes: int = Field(4 * 2**30, gt=0, description="one resumable upload")
    uploads_bytes: int = Field(
        64 * 2**30, gt=0, description="all resumable uploads that no batch has used, together"
    )
    archive_ratio: int = Field(1000, gt=1, description="bytes it may hold per byte of its own")


class Encoders(BaseSettings):
    """Which encoder fills which block.

    A value is a name, ``name@version`` of a fitted encoder, or ``name@owner/model:commit`` of the
    hub. ``triptych encoders`` prints the names. An empty value leaves out the block.
    """

    model_config = SettingsConfigDict(env_prefix="TRIPTYCH_ENCODER_", frozen=True)

    semantic: str = Field("minilm", min_length=1, description="texts")
    concept: str = Field("conse", description="pictures, in the space of the texts")
    visual: str = Field("visual-projection", description="pictures")
    acoustic: str = Field("mfcc-statistics", description="sounds")
    heard: str = Field("", description="sounds, in the space of the texts: clap-audio@…")
    spoken: str = Field("", description="speech in sounds, recognised: whisper-base")
    written: str = Field("", description="writing in pictures, recognised: rapidocr")
    keywords: str = Field("", description="a fitted tfidf-lsa, which picks keywords of texts")


class Webhook(BaseSettings):
    """Where it is told that a batch has ended (https://www.standardwebhooks.com)."""

    model_config = SettingsConfigDict(
        env_prefix="TRIPTYCH_WEBHOOK_",
        frozen=True,
        hide_input_in_errors=True,  # errors are logged
    )

    url: str = Field("", description="http(s)://… that gets a POST; none by default")
    secret: SecretStr = Field(
        SecretStr(""),
        description="what it is signed with: whsec_ and 24 to 64 bytes in base64; while it is "
        "changed, the new and the old one, separated by a blank",
    )
    seconds: int = Field(
        3 * 86_400, ge=1, description="after which an end that nobody took is given up"
    )

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The bytes of the secrets. Raises ValueError."""
        return tuple(map(_key, self.secret.get_secret_value().split()))

    @property
    def host(self) -> str:
        """Of the URL, the rest of which may be a secret, too."""
        return urlsplit(self.url).hostname or ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.url and (urlsplit(self.url).scheme not in {"http", "https"} or not self.host):
            raise ValueError("TRIPTYCH_WEBHOOK_URL: http://… or https://… is accepted")
        if self.url and not self.keys:
            raise ValueError("TRIPTYCH_WEBHOOK_URL needs TRIPTYCH_WEBHOOK_SECRET")
        return self


def _key(secret: str) -> bytes:
    with suppress(ValueError):  # no base64
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        if _LEAST_KEY <= len(key) <= _MOST_KEY:
            return key
    raise ValueError(
        f"TRIPTYCH_WEBHOOK_SECRET: whsec_ and {_LEAST_KEY} to {_MOST_KEY} bytes in base64 "
        "are accepted"
    )


def _checked(admin_key: str) -> str:
    if len(admin_key) < _LEAST_ADMIN_KEY:
        raise ValueError(
            f"TRIPTYCH_ADMIN_KEY: {_LEAST_ADMIN_KEY} random characters or more are accepted"
        )
    if admin_key.startswith(BROWSER_MARK):
        raise ValueError(f"TRIPTYCH_ADMIN_KEY: search tokens begin with {BROWSER_MARK}, no key may")
    return admin_key


class Settings(BaseSettings):
    """The settings of a process: where the other parts are, and how it works."""

    model_config = SettingsConfigDict(
        env_prefix="TRIPTYCH_",
        frozen=True,
        hide_input_in_errors=True,  # errors are logged
    )

    redis_url: str = "redis://127.0.0.1:6379/0"
    index_url: str | None = Field(
        None,
        description="http(s)://… of Elasticsearch, or file:///folder; a local folder by default",
    )
    media_url: str = Field(
        default_factory=lambda: media_folder(data_home()).as_uri(),
        description="an fsspec URL: file:///… or s3://…",
    )
    import_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(),
        description="folders that a manifest may name files in, separated by ':'; none by default",
    )
    import_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="folders of buckets that a manifest may name files in, as s3://bucket/folder, "
        "separated by ','; none by default",
    )
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="host names that the gateway answers to beside localhost, separated by ','; "
        "'.example.org' includes all below it, '*' is any; addresses always",
    )
    admin_key: SecretStr = Field(
        SecretStr(""), description="a key that may do everything, and can make others"
    )
    admin_key_file: Path | None = Field(None, description="a file that has it instead")
    open: bool = Field(
        False, description="whether everybody who reaches the gateway is let in while it has no key"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="origins of pages that may use the API with a key or a token, as "
        "https://example.org, separated by ','; '*' is any; none by default",
    )
    proxies: int = Field(
        0,
        ge=0,
        le=8,
        description="how many proxies stand before the gateway, of which it believes from where a "
        "request comes (X-Forwarded-For) and whether by TLS (X-Forwarded-Proto)",
    )
    tls_cert: Path | None = Field(None, description="a certificate with its chain, in PEM")
    tls_key: Path | None = Field(None, description="its key, in PEM")
    fetch_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="hosts that media may be fetched from, separated by ','; none by default",
    )
    image_background: str = Field(
        "#ffffff",
        pattern=r"^#[0-9a-f]{6}$",
        description="what shows through transparent pictures; it changes their vectors",
    )
    gateway_threads: int = Field(16, ge=1, description="requests that one gateway works on at once")
    body_memory: int = Field(
        512 * 2**20, ge=2**20, description="bytes of bodies of requests that are in memory at once"
    )
    query_memory: int = Field(
        512 * 2**20, ge=2**26, description="bytes in which the pictures of queries are decoded"
    )
    index_prefix: str = Field("triptych", pattern=r"^[a-z][a-z0-9]*$")
    chunk_items: int = Field(32, ge=1, le=256, description="items that travel together")
    plan_ahead_items: int = Field(
        10_000, ge=1, description="waiting in a queue above which no more of a batch is planned"
    )
    plan_ahead_bytes: int = Field(4 * 2**30, ge=1, description="of their media, likewise")
    chunk_bytes: int = Field(16 * 2**20, ge=1, description="of media and texts together")
    step_seconds: float = Field(
        10, gt=0, description="after which a step of a chunk lets others go first"
    )
    media_grace: int = Field(
        3600, ge=0, description="seconds that media stay in the store without an item"
    )
    upload_ttl: int = Field(
        86_400, ge=1, description="seconds that a resumable upload waits for its next bytes"
    )
    reconcile_seconds: int = Field(
        30, ge=1, description="between two looks for items that got lost on their way"
    )
    queue_bound: int = Field(10_000, ge=1, description="waiting chunks; above it uploads get a 429")
    lease: float = Field(
        30, ge=1, description="seconds after which others take over what a silent worker holds"
    )
    lease_renew: float = Field(5, ge=0.1, description="seconds between renewals of a lease")
    hang: float = Field(
        7200, gt=0, description="seconds after which the process of a chunk is killed as hung"
    )
    drain: float = Field(20, ge=0, description="seconds in which a worker told to stop may finish")
    process_memory: int = Field(
        1536 * 2**20, ge=2**26, description="bytes; a worker's process that has more is replaced"
    )
    batch_ttl: int = Field(7 * 86_400, ge=60, description="seconds a batch's progress is kept")
    train_items: int = Field(
        20_000, ge=100, description="items of a collection that a model learns from at most, drawn"
    )
    compute_threads: int = Field(1, ge=1, description="threads of one model in one process")
    limits: Limits = Field(default_factory=Limits)
    encoders: Encoders = Field(default_factory=Encoders)
    webhook: Webhook = Field(default_factory=Webhook)

    @classmethod
    def of_folder(cls, home: Path) -> Self:
        """Media and index in one folder, as a local stack has them; the rest as always."""
        home = home.absolute()
        return cls(media_url=media_folder(home).as_uri(), index_url=index_folder(home).as_uri())

    @property
    def admin_secret(self) -> str:
        """``admin_key``, wherever it is; empty for none. Raises OSError, ValueError."""
        if self.admin_key_file is not None:
            return _checked(self.admin_key_file.read_text().strip())
        return self.admin_key.get_secret_value()

    @property
    def background(self) -> tuple[int, int, int]:
        """``image_background`` as red, green and blue."""
        red, green, blue = bytes.fromhex(self.image_background[1:])
        return red, green, blue

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"TRIPTYCH_CORS_ORIGINS: {origin}: scheme and host, as https://example.org, "
                    "are accepted"
                )
        return value

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_cert is None) is not (self.tls_key is None):
            raise ValueError("TRIPTYCH_TLS_CERT and TRIPTYCH_TLS_KEY belong together")
        return self

    @model_validator(mode="after")
    def _check_admin_key(self) -> Self:
        if self.admin_key_file is None and self.admin_key.get_secret_value():
            _checked(self.admin_key.get_secret_value())
        return self

    @field_validator("import_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = tuple(Path(part).resolve() for part in value.split(":") if part)
        return value

    @field_validator("import_urls", "trusted_hosts", "cors_origins", "fetch_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = tuple(host for part in value.split(",") if (host := part.strip()))
        return value
