"""Which hosts the gateway answers to, as a page can point a name of its own at it (DNS rebinding).

Addresses and ``localhost`` are no names that anybody could point elsewhere. Other names have to be
known (``TRIPTYCH_TRUSTED_HOSTS``).
"""

import re
from collections.abc import Collection
from ipaddress import ip_address

from werkzeug.sansio.utils import host_is_trusted

ANY = "*"
_ADDRESS = re.compile(r"(?:\[(.*)\]|([^:\[\]]*))(?::\d*)?")
_LOCAL = ("localhost", ".localhost")


def is_known(host: str, trusted: Collection[str]) -> bool:
    """Whether the ``Host`` of a request is one that a page can't have made up.

    Args:
        host: with or without a port; empty where a request has none, which no browser sends.
        trusted: names; ``.example.org`` stands for all below it, ``*`` for any.
    """
    if not host or ANY in trusted:
        return True
    name = host.lower()
    return _is_address(name) or host_is_trusted(name, (*_LOCAL, *trusted))


def _is_address(host: str) -> bool:
    found = _ADDRESS.fullmatch(host)
    try:
        return found is not None and bool(ip_address(found[1] or found[2]))
    except ValueError:
        return False
