"""The commands: up, down, status; and a stack for the length of a ``with``."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from triptych.core.errors import TriptychError
from triptych.core.settings import index_folder, media_folder
from triptych.fusion.layout import check
from triptych.local.accounts import data_folder
from triptych.local.errors import BadSetting, Interrupted, StackError
from triptych.local.interrupts import interruptible
from triptych.local.locks import Pause, locked
from triptych.local.options import DEFAULT_PORT, StackOptions, home_of
from triptych.local.parts import STORES, build, index_url, media_url, waves
from triptych.local.ports import Ports, assign
from triptych.local.process import Process, alive, disown, start_time, stop, this_process
from triptych.local.show import Say, print_line, print_table
from triptych.local.stack import Stack, _quiet
from triptych.local.state import State, forget, last_index, load, remember_index
from triptych.media.store import MediaStore

_SUPERVISOR_SECONDS = 120.0
_INTERRUPTED = 130
_PRIVATE = 0o700


def lock_file(home: Path) -> Path:
    """The lock of starting and stopping; beside the folder, which ``fresh`` deletes."""
    return home.with_name(f"{home.name}.lock")


@contextmanager
def running_stack(
    options: StackOptions, *, pause: Pause = time.sleep, say: Say = _quiet
) -> Iterator[Stack]:
    """A ready stack. At the end it is stopped, and its data deleted unless ``options.keep``.

    When a part does not start the data stays in any case: it includes the log of the error.
    """
    with locked(lock_file(options.home), pause):
        stack = _open(options, pause, say)
        try:
            _start(stack)
        except (Interrupted, KeyboardInterrupt):
            _close(stack, keep=options.keep)
            raise
    try:
        yield stack
    finally:
        _close(stack, keep=options.keep)


def _close(stack: Stack, *, keep: bool) -> None:
    stack.stop()
    if not keep:
        delete_data(
            stack.home
        )  # the folder that it was started with, whatever the environment says now


def up(options: StackOptions, *, say: Say = print_line) -> int:
    """Start the stack; unless detached, run it until a signal.

    Returns:
        The exit code: 0, that of the error, or 130 when interrupted while starting.
    """
    code = _INTERRUPTED
    try:
        with interruptible() as pause:
            with locked(lock_file(options.home), pause):
                state = _running(options)
                if state is not None and state.supervisor and alive(state.supervisor):
                    url = state.ports.gateway_url
                    say(f"stack {options.name} already runs: {url}; `down` stops it")
                    return 0
                stack = _open(options, pause, say)
                stack.supervisor = this_process()
                _start(stack)
                if options.detach:
                    _detach(stack)
            say(f"stack {options.name} is up: {stack.gateway_url}, {options.index} index")
            say(f"the page: open {stack.gateway_url} in a browser")
            code = 0
            if not options.detach:
                _stay(stack)
    except StackError as error:
        say(f"error: {error}")
        return error.exit_code
    except Interrupted:
        say("stopped")
    return code


def down(name: str, data: Path | None = None, *, say: Say = print_line) -> int:
    """Stop a stack, whoever started it; its data stays."""
    try:
        home = home_of(name, data)
        state = load(home)
        if state is None:
            say(f"stack {name} does not run")
            return 0
        _end_supervisor(state)
        with locked(lock_file(home)):
            _stop_left(home)
    except StackError as error:
        say(f"error: {error}")
        return error.exit_code
    say(f"stack {name} is stopped")
    return 0


def status(
    name: str, data: Path | None = None, *, as_json: bool = False, say: Say = print_line
) -> int:
    """Show the parts of a stack.

    Returns:
        0 when all parts run, 1 when one has died or the stack does not run.
    """
    try:
        home = home_of(name, data)
        state = load(home)
        index = state.index if state else last_index(home)
    except StackError as error:
        say(f"error: {error}")
        return error.exit_code
    rows = status_rows(state)
    if as_json:
        say(
            json.dumps(
                {
                    "name": name,
                    "home": str(home),
                    "index": index,
                    "supervisor": _supervisor_pid(state),
                    "parts": rows,
                }
            )
        )
    elif state is None:
        say(f"stack {name} does not run" + (f"; it had the {index} index" if index else ""))
    else:
        print_table(rows)
        say(f"supervisor: {_supervisor_pid(state) or 'none; `up --detach` starts one'}")
        say(f"index: {index}, {index_url(state.index, home, state.ports)}")
    return 0 if rows and all(row["alive"] for row in rows) else 1


def _supervisor_pid(state: State | None) -> int | None:
    """The pid of the process that looks after the parts, if it lives."""
    supervisor = state.supervisor if state else None
    return supervisor.pid if supervisor and alive(supervisor) else None


def status_rows(state: State | None) -> list[dict[str, object]]:
    """A row for each started part."""
    if state is None:
        return []
    return [
        {
            "name": part.name,
            "pid": part.process.pid,
            "port": part.port,
            "alive": alive(part.process),
            "log": str(part.log),
            "folder": str(part.folder) if part.folder else None,
            "restarts": part.restarts,
        }
        for part in state.running.values()
    ]


def make_private(options: StackOptions) -> None:
    """Let nobody else on this machine read what a stack keeps, also one of before.

    Of a folder that somebody has chosen, what is in it is closed, and not the folder itself.
    """
    home = options.home
    if not home.exists():
        home.mkdir(parents=True, mode=_PRIVATE)
    elif options.data is None:
        home.chmod(_PRIVATE)
    for folder in (media_folder(home), home / "valkey", home / "logs"):
        folder.mkdir(exist_ok=True)
        folder.chmod(_PRIVATE)
    if index_folder(home).is_dir():  # one that is made now would say which index it had last
        index_folder(home).chmod(_PRIVATE)


def delete_data(home: Path) -> None:
    """Delete all data of the stack in ``home``, which must not run."""
    for folder in (home, data_folder(home, as_root=os.geteuid() == 0)):
        if folder.exists():
            shutil.rmtree(folder)


def _living(options: StackOptions) -> State | None:
    """The running parts of the stack, or None. Raises StackError if the options contradict them."""
    state = load(options.home)
    if state is None or not (living := state.living()):
        return None
    if options.fresh:
        raise StackError(f"stack {options.name} runs, so its data stays: `down` first")
    if options.index != state.index:
        raise StackError(f"stack {options.name} runs with the {state.index} index: `down` first")
    if options.port not in (0, DEFAULT_PORT, state.ports.gateway):
        raise StackError(f"stack {options.name} runs on port {state.ports.gateway}: `down` first")
    return state.model_copy(update={"running": living})


def _running(options: StackOptions) -> State | None:
    """The state of the stack, if every chosen part runs."""
    state = _living(options)
    whole = state is not None and set(options.chosen_parts) <= set(state.running)
    return state if whole else None


def _start(stack: Stack) -> None:
    """Start every part, then record the index: a failed start does not change the default."""
    stack.start()
    remember_index(stack.home, stack.index)


def _open(options: StackOptions, pause: Pause, say: Say) -> Stack:
    """The stack, not started yet, with the parts that still run. The caller holds the lock."""
    state = _living(options)
    if options.fresh:
        delete_data(options.home)
    make_private(options)
    _check_settings(options)
    ports = state.ports if state else assign(options.port)
    parts = build(options, ports, pause=pause, say=say)
    _note_index(options, ports, say)
    return Stack(
        options.home,
        ports,
        parts,
        dict(state.running) if state else {},
        index=options.index,
        pause=pause,
        say=say,
    )


def _note_index(options: StackOptions, ports: Ports, say: Say) -> None:
    """When the index changes, tell where the data of the other one is."""
    before = last_index(options.home)
    if before == "embedded" and options.index == "elastic":
        say(
            f"index: the data in the embedded index of stack {options.name} stay there; to copy "
            f"them into Elasticsearch: triptych migrate --all --stack {options.name} "
            f"--to {index_url('elastic', options.home, ports)}"
        )
    elif before == "elastic" and options.index == "embedded":
        say(
            f"index: the data in the Elasticsearch of stack {options.name} stay there; use them "
            "again with --index elastic"
        )


def _check_settings(options: StackOptions) -> None:
    """Raise BadSetting for a wrong encoder before anything starts."""
    if set(options.parts) <= set(STORES):
        return
    try:
        store = MediaStore(media_url(options.home))
        store.begin()
        check({**os.environ, **options.env}, store)
    except TriptychError as error:
        raise BadSetting(str(error)) from error


def _stay(stack: Stack) -> None:
    try:
        stack.watch()
    finally:
        stack.say("stopping")
        stack.stop()


def _detach(stack: Stack) -> None:
    """Leave a process behind that supervises the stack; the caller is no longer in charge."""
    log = stack.home / "logs" / "supervisor.log"
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(reader)
        stack.supervisor = Process(pid=child, started=start_time(child) or "")
        stack.remember()
        os.close(writer)  # now it may begin
        return
    code = 1
    try:
        os.setsid()
        os.close(writer)
        _write_to(log)
        disown()
        os.read(reader, 1)
        os.closerange(3, 1024)  # the lock of the caller, too
        _supervise(stack)
        code = 0
    finally:
        os._exit(code)


def _write_to(log: Path) -> None:
    """Let the output of this process go to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    source, target = (
        os.open(os.devnull, os.O_RDONLY),
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
    )
    for ours, standard in ((source, 0), (target, 1), (target, 2)):
        os.dup2(ours, standard)


def _supervise(stack: Stack) -> None:
    """Keep the stack running until a signal, then stop it."""
    stack.supervisor = this_process()
    stack.say = print_line
    try:
        stack.supervise()
    except Interrupted:
        stack.say("stopping")
    finally:
        stack.stop()


def _end_supervisor(state: State) -> None:
    """Tell the supervisor to stop the stack, and wait for it."""
    supervisor = state.supervisor
    if supervisor is None or not alive(supervisor):
        return
    os.kill(supervisor.pid, signal.SIGTERM)
    deadline = time.monotonic() + _SUPERVISOR_SECONDS
    while alive(supervisor) and time.monotonic() < deadline:
        time.sleep(0.1)


def _stop_left(home: Path) -> None:
    """Stop the parts that a detached or killed ``up`` left running."""
    state = load(home)
    if state is None:
        return
    for wave in reversed(waves(state.running.values())):
        stop([part.process for part in wave], grace=max(part.grace for part in wave))
    forget(home)
