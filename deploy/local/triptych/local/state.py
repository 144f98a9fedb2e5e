"""What a stack remembers in a file, so that another command finds its processes."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from triptych.local.errors import StackError
from triptych.local.ports import Ports
from triptych.local.process import Process, alive


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
    path = state_file(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(state.model_dump_json(indent=2))
    fresh.replace(path)


def forget(home: Path) -> None:
    """The stack does not run any more."""
    state_file(home).unlink(missing_ok=True)
