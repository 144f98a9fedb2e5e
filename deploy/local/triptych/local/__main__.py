"""``python -m triptych.local up|down|status``."""

from triptych.local.cli import app

app(prog_name="python -m triptych.local")
