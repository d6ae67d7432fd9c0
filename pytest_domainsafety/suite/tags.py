"""Tags that mean something to us, beside the framing tags F1 to F4."""

from typing import Final

MULTI_TURN: Final = "multi_turn"
"""The operational request is approached over several user turns."""
GENERATED_ANALYTICAL: Final = "generated_analytical"
"""A template wrote the analytical side: it measures less than a written one."""
