"""The state of a stack in a file, so that another command finds its processes."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from triptych.core.settings import index_folder
from triptych.local.errors import StackError
from triptych.local.options import IndexKind
from triptych.local.ports import Ports
from triptych.local.process import Process, alive

_index_kind: TypeAdapter[IndexKind] = TypeAdapter(IndexKind)


class Running(BaseModel):
    """A started part: what is needed to show it and to stop it."""

    model_config = ConfigDict(frozen=True)

    name: str
    process: Process
    port: int | None
    log: Path
    folder: Path | None
    needs: tuple[str, ...]
    grace: float
    restarts: int = 0
    """How often the supervisor has started it again."""


class State(BaseModel):
    """The started parts, and the process that supervises them."""

    model_config = ConfigDict(frozen=True)

    ports: Ports
    index: IndexKind = "elastic"
    supervisor: Process | None
    running: dict[str, Running]

    def living(self) -> dict[str, Running]:
        """The parts whose process is still running."""
        return {name: part for name, part in self.running.items() if alive(part.process)}


def state_file(home: Path) -> Path:
    """The path of the state file of the stack in ``home``."""
    return home / "state.json"


def load(home: Path) -> State | None:
    """The state of the stack in ``home``; None when it does not run."""
    path = state_file(home)
    try:
        return State.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise StackError(
            f"{path} can't be read ({error.error_count()} errors): "
            "stop the processes that it names and delete it"
        ) from error


def save(home: Path, state: State) -> None:
    """Write the state atomically: a reader sees the old file or the new one."""
    _write(state_file(home), state.model_dump_json(indent=2))


def forget(home: Path) -> None:
    """Delete the state: the stack has stopped."""
    state_file(home).unlink(missing_ok=True)


def last_index(home: Path) -> IndexKind | None:
    """The index of the stack in ``home`` at its last start.

    A folder with an embedded index that no stack has had yet was filled by an engine.
    """
    try:
        return _index_kind.validate_python(_index_file(home).read_text())
    except FileNotFoundError:
        return "embedded" if index_folder(home).is_dir() else None
    except ValidationError as error:
        raise StackError(f"{_index_file(home)} does not name an index: delete it") from error


def remember_index(home: Path, kind: IndexKind) -> None:
    """Record the index that the stack in ``home`` starts with."""
    _write(_index_file(home), kind)


def _index_file(home: Path) -> Path:
    return home / "last-index"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)
