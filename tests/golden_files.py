"""Golden files: what an exit writes, held against what it wrote before.

After a change that is meant, ``DOMAINSAFETY_GOLDEN=write`` writes them anew;
then read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """Compare a text with its golden file."""
    path = FOLDER / name
    if os.environ.get("DOMAINSAFETY_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8", newline="")
    # Bytes, since a changed line ending is a change.
    assert text.encode() == path.read_bytes(), f"differs from golden/{name}"
