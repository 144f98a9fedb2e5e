"""``triptych.gateway.wsgi:app`` for a WSGI server."""

import gc

from triptych.core import logs
from triptych.gateway.app import create_app

logs.configure()
app = create_app()

# The models stay for good: without them each collection looks at a tenth of the objects.
gc.collect()
gc.freeze()
