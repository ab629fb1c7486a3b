"""Everything that reads what others wrote, as functions of bytes.

To add one, write a function under `@target(...)` in the file that it belongs to, and put a few inputs into
`corpus/NAME/`.
"""

from fuzzing import media, trusted, wire, written
from fuzzing.target import MIB, TARGETS, Target, attempt, folder

__all__ = ["MIB", "TARGETS", "Target", "attempt", "folder", "media", "trusted", "wire", "written"]
