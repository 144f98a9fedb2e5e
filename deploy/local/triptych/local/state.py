"""What a stack remembers in a file, so that another command finds its processes."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from triptych.local.errors import StackError
from triptych.local.options import IndexKind
from triptych.local.ports import Ports
from triptych.local.process import Process, alive

_index_kind: TypeAdapter[IndexKind] = TypeAdapter(IndexKind)


class Running(BaseModel):
    """A part that was started: enough to show it and to stop it."""

    model_config = ConfigDict(frozen=True)

    name: str
    process: Process
    port: int | None
    log: Path
    folder: Path | None
    needs: tuple[str, ...]
    grace: float


class State(BaseModel):
    """The stack's parts as last seen; ``supervisor`` stays with them unless detached."""

    model_config = ConfigDict(frozen=True)

    ports: Ports
    index: IndexKind = "elastic"
    supervisor: Process | None
    running: dict[str, Running]

    def living(self) -> dict[str, Running]:
        """The parts whose very process still runs."""
        return {name: part for name, part in self.running.items() if alive(part.process)}


def state_file(home: Path) -> Path:
    """Where the stack in ``home`` remembers."""
    return home / "state.json"


def load(home: Path) -> State | None:
    """What the stack in ``home`` remembers; nothing when it does not run."""
    path = state_file(home)
    try:
        return State.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise StackError(
            f"{path} can't be read ({error.error_count()} errors): "
            "stop the processes that it names, then delete it"
        ) from error


def save(home: Path, state: State) -> None:
    """Remember, in one step: a reader sees the old file or the new one."""
    _write(state_file(home), state.model_dump_json(indent=2))


def forget(home: Path) -> None:
    """The stack does not run any more."""
    state_file(home).unlink(missing_ok=True)


def last_index(home: Path) -> IndexKind | None:
    """Which index the stack in ``home`` had when it last started, also while it does not run."""
    try:
        return _index_kind.validate_python(_index_file(home).read_text())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise StackError(f"{_index_file(home)} names no index: delete it") from error


def remember_index(home: Path, kind: IndexKind) -> None:
    """The stack in ``home`` starts with this index."""
    _write(_index_file(home), kind)


def _index_file(home: Path) -> Path:
    return home / "last-index"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)
