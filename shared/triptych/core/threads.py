"""One compute thread per process: workers scale by processes, not by hidden thread pools."""

import os

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def limit_threads(count: int = 1) -> None:
    """Limit BLAS, OpenMP and Numba; must run before numpy is first imported."""
    for name in _VARIABLES:
        os.environ.setdefault(name, str(count))


def usable_cpus() -> int:
    """The number of processors that this process may use, which a container may limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
