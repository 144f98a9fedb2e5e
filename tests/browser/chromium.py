"""Where the tests get their Chromium from; the only place that knows.

Playwright's package has its driver, not a browser. A machine that has one is asked first; else it
is installed, the way that works there.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SETTING = "TRIPTYCH_TEST_CHROMIUM"
NAMES = ("chromium", "google-chrome", "chromium-browser", "google-chrome-stable")
FLAGS = (
    "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic", "--no-proxy-server",
)  # fmt: skip
"""It talks to nobody but the gateway."""
_SECONDS = 600


class NoChromium(RuntimeError):
    """There is none, and none can be installed here."""


def find() -> str | None:
    """The path of a Chromium; None for the one that Playwright has installed. Raises NoChromium."""
    if chosen := os.environ.get(SETTING):
        if not Path(chosen).is_file():
            raise NoChromium(f"{SETTING}: {chosen} is not there")
        return chosen
    if found := _on_path():
        return found
    tried = _run([sys.executable, "-m", "playwright", "install", "chromium-headless-shell"])
    if not tried:
        return None
    if shutil.which("apt-get") and os.geteuid() == 0:
        tried += _run(["apt-get", "update", "-q"])
        tried += _run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"])
        if found := _on_path():
            return found
    raise NoChromium(
        "the tests of the page need Chromium: install it (Debian: apt-get install chromium), or "
        f"name it in {SETTING}. Tried:\n{tried}"
    )


def flags() -> list[str]:
    """How it is started; root can't have its sandbox."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def _on_path() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _run(command: Sequence[str]) -> str:
    """Empty if it worked, else what it was and the end of what it said."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command)}: {error}\n"
    if done.returncode == 0:
        return ""
    return f"{' '.join(command)}: {(done.stdout + done.stderr)[-500:]}\n"
