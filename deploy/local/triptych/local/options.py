"""The options of a stack."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from triptych.core.settings import data_home
from triptych.core.threads import usable_cpus
from triptych.local.errors import StackError

WORKER_KINDS = ("image", "text", "audio", "fusion", "plan", "train")
ELASTICSEARCH = "elasticsearch"
TRAINER = "worker-train"
"""Is started where TensorFlow is installed."""
PART_NAMES = (
    "valkey",
    ELASTICSEARCH,
    *(f"worker-{kind}" for kind in WORKER_KINDS),
    "gateway",
)
IndexKind = Literal["embedded", "elastic"]
"""Which search index a stack has: files in its own folder, or an Elasticsearch."""
DEFAULT_PORT = 8080
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEAP = re.compile(r"[1-9]\d*[mg]")
_HIGHEST_PORT = 65_535 - 3


def stack_home(name: str) -> Path:
    """The folder of a stack's data."""
    if not _NAME.fullmatch(name):
        raise StackError(f"{name!r} is not a stack name: use letters, digits, '.', '_' and '-'")
    return data_home() / "stacks" / name


def home_of(name: str, data: Path | None) -> Path:
    """The folder of a stack that has one of its own, or the one of its name."""
    return stack_home(name) if data is None else data.absolute()


@dataclass(frozen=True)
class StackOptions:
    """What to start; every default works on a laptop.

    ``data`` is the folder of all data; by default one that is named after the stack.
    ``port`` is the gateway's, the stores use the three after it; 0 picks free ports.
    With the embedded ``index`` there is no Elasticsearch, and ``heap`` has no effect.
    ``env`` adds environment variables of the workers and the gateway.
    ``pythons`` names the interpreter of each part that is not to run with this one.
    Without ``keep`` the data is deleted when the stack stops.
    """

    name: str = "default"
    data: Path | None = None
    port: int = DEFAULT_PORT
    index: IndexKind = "elastic"
    import_roots: tuple[Path, ...] = ()
    fresh: bool = False
    detach: bool = False
    image_workers: int = field(default_factory=usable_cpus)
    heap: str = "1g"
    parts: tuple[str, ...] = PART_NAMES
    env: Mapping[str, str] = field(default_factory=dict)
    pythons: Mapping[str, Path] = field(default_factory=dict)
    keep: bool = True

    def __post_init__(self) -> None:
        stack_home(self.name)
        if self.fresh and self.data:
            raise StackError(f"--fresh does not delete a folder of yours: delete {self.data}")
        if not 0 <= self.port <= _HIGHEST_PORT:
            raise StackError(f"port {self.port} is not between 0 and {_HIGHEST_PORT}")
        if self.index not in get_args(IndexKind):
            raise StackError(f"no index {self.index!r}; choose {' or '.join(get_args(IndexKind))}")
        if self.image_workers < 1:
            raise StackError(f"{self.image_workers} image workers: at least 1 is needed")
        if not _HEAP.fullmatch(self.heap):
            raise StackError(f"heap {self.heap!r} is not a size such as 512m or 1g")
        if unknown := sorted(set(self.parts) - set(PART_NAMES)):
            raise StackError(f"no part {', '.join(unknown)}; there are {', '.join(PART_NAMES)}")
        for root in self.import_roots:
            _check_root(root)

    @property
    def chosen_parts(self) -> tuple[str, ...]:
        """The requested parts without those that this index does not need, or that can't run."""
        without = {ELASTICSEARCH} if self.index == "embedded" else set()
        if TRAINER not in self.pythons and find_spec("tensorflow") is None:
            without.add(TRAINER)
        return tuple(part for part in self.parts if part not in without)

    @property
    def home(self) -> Path:
        """The folder of this stack's data."""
        return home_of(self.name, self.data)


def _check_root(root: Path) -> None:
    if not root.is_dir():
        raise StackError(f"import root {root} is not a folder")
    if ":" in str(root.resolve()):
        raise StackError(f"import root {root} contains ':', which separates roots")
