"""Pictures in terminals that can show them: by the inline images protocol of iTerm2.

https://iterm2.com/documentation-images.html
"""

import base64
import os
import sys

from triptych.cli.show import console

_SHOWING = frozenset({"iTerm.app", "WezTerm"})
_LINES = 12


def check_pictures() -> None:
    """Raise ValueError where no picture can be shown."""
    if not console.is_terminal or os.environ.get("TERM_PROGRAM") not in _SHOWING:
        raise ValueError(f"this terminal shows no pictures; {' and '.join(sorted(_SHOWING))} do")


def print_picture(data: bytes) -> None:
    """Show the bytes of a picture, some lines high. Raises ValueError as ``check_pictures``."""
    check_pictures()
    encoded = base64.b64encode(data).decode()
    options = f"inline=1;size={len(data)};height={_LINES};preserveAspectRatio=1"
    sys.stdout.write(f"\x1b]1337;File={options}:{encoded}\x07\n")
    sys.stdout.flush()
