"""ONNX Runtime as every encoder uses it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def runtime() -> Any:
    """The module ``onnxruntime``, which since 1.32 would send its maker events of its use."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime


def open_session(
    model: bytes | Path, *, threads: int, config: Mapping[str, str] | None = None
) -> Any:
    """A session of a network, given as bytes or as a path, on the processor.

    Args:
        model: the network.
        threads: how many compute together; one per process where many processes work.
        config: further entries of ONNX Runtime's session configuration.
    """
    ort = runtime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    for name, value in (config or {}).items():
        options.add_session_config_entry(name, value)
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
