"""The local stack: real servers and workers on loopback, without a container engine."""

from triptych.local.errors import MissingTool, PartFailed, StackError
from triptych.local.options import PART_NAMES, StackOptions
from triptych.local.parts import Part
from triptych.local.run import down, running_stack, status, up
from triptych.local.stack import Stack

__all__ = [
    "PART_NAMES",
    "MissingTool",
    "Part",
    "PartFailed",
    "Stack",
    "StackError",
    "StackOptions",
    "down",
    "running_stack",
    "status",
    "up",
]
