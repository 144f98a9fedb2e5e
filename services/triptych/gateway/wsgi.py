"""``triptych.gateway.wsgi:app`` for a WSGI server."""

import gc

from triptych.core import logs
from triptych.core.memory import give_back_large_blocks
from triptych.core.settings import Settings
from triptych.gateway import access
from triptych.gateway.app import create_app
from triptych.gateway.services import make_services

logs.configure()
give_back_large_blocks()
app = create_app(make_services(Settings()))
access.tell(app)

# The models stay for good: without them each collection looks at a tenth of the objects.
gc.collect()
gc.freeze()
