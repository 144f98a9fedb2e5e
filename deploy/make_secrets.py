# noqa: INP001 - a script that needs nothing but Python
"""``python3 deploy/make_secrets.py``: make the passwords that docker-compose.yml wants, once.

They go into ``.env`` beside it, which only its owner can read. A file that is there is kept: it
gets what it lacks, and nothing in it changes.
"""

import os
import secrets
import sys
from pathlib import Path

NAMES = ("REDIS_PASSWORD", "ELASTIC_PASSWORD", "TRIPTYCH_ADMIN_KEY")
_BYTES = 24


def complete(file: Path) -> list[str]:
    """Add the names that a file lacks, each with a random value; those that were added."""
    text = file.read_text() if file.exists() else ""
    present = {line.partition("=")[0].strip() for line in text.splitlines()}
    missing = [name for name in NAMES if name not in present]
    lines = [f"{name}={secrets.token_hex(_BYTES)}\n" for name in missing]
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(descriptor, "a") as opened:  # noqa: PTH123 - it has just been opened
        os.fchmod(descriptor, 0o600)
        opened.write("" if not text or text.endswith("\n") else "\n")
        opened.writelines(lines)
    return missing


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / ".env"
    made = complete(path)
    print(f"{path}: {', '.join(made) or 'nothing'} added")  # noqa: T201
