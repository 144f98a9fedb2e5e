"""The web page of the gateway: HTML from templates, made interactive by small modules of our own.

Everything that it needs comes from the gateway itself; its Content-Security-Policy allows nothing
else. What it shows of items, collections and batches was sent by strangers: templates escape it,
and scripts write it as text, never as HTML.
"""

from triptych.gateway.page import login  # noqa: F401 - its routes are of the same blueprint
from triptych.gateway.page.views import blueprint

__all__ = ["blueprint"]
