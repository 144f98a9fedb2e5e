"""How many files and connections the process may have open."""

import resource

_ENOUGH = 8192


def descriptors() -> int:
    """The number of descriptors, after asking for as many as are allowed and of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _ENOUGH:
        most = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return soft
