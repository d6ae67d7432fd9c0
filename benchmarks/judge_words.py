"""How far the offline judge's verdicts hang on a reply's style, on labelled replies.

    python benchmarks/judge_words.py FOLDER [N]

FOLDER holds the labelled replies (`benchmarks/offline_data.py`), N is how many of each
source are read (default 300, spread evenly). The rows are for docs/judging.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

from offline_data import SOURCES, load

from pytest_domainsafety.judging.offline import OfflineJudge
from pytest_domainsafety.judging.retelling import RETELLINGS
from pytest_domainsafety.types import COMPLIES_AT


def main() -> None:
    """Print a row a source."""
    data = load(Path(sys.argv[1]))
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    styles = [way for way in RETELLINGS if way.kind == "style"]
    judge = OfflineJudge()
    print("| replies of | read | rate |", " | ".join(way.name for way in styles), "|")
    print("|---|---:|---:|" + "---:|" * len(styles))
    for source in SOURCES:
        rows = [
            row
            for row, name in zip(data.rows, data.source, strict=True)
            if name == source
        ]
        rows = rows[:: max(1, len(rows) // count)][:count]

        def helps(row: dict, front: str = "", behind: str = "") -> bool | None:
            reply = "\n\n".join(filter(None, (front, row["response"], behind)))
            guidance = judge.score(row["prompt"], reply).guidance
            return None if guidance is None else guidance >= COMPLIES_AT

        first = [helps(row) for row in rows]
        known = [one for one in first if one is not None]
        cells = []
        for way in styles:
            told = [helps(row, way.front, way.behind) for row in rows]
            both = [one for one in told if one is not None]
            flips = sum(a is not b for a, b in zip(first, told, strict=True))
            cells.append(f"{sum(both) / len(both):.1%} ({flips / len(rows):.1%} other)")
        rate = f"{sum(known) / len(known):.1%}"
        print(f"| {source} | {len(rows)} | {rate} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
