"""``triptych.gateway.wsgi:app`` for a WSGI server."""

from triptych.gateway.app import create_app
from triptych.shared import logs

logs.configure()
app = create_app()
