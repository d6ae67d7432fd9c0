"""The example of a deployed product: each of its moods, as the results have them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "closed-model"


def test_a_product_that_is_silent_filtered_and_down(bench):
    shutil.copytree(EXAMPLE, bench.path, dirs_exist_ok=True)
    done = bench.run(
        "--safety-filter-words=filter-words.txt",
        "--safety-retries=0",
        model=f"command:{sys.executable} -S product.py",
        told=("--judge", "offline"),
    )
    assert done.ret == 1
    cells = {
        (row["domain"], row["framing"]): row
        for row in bench.results()["tables"]["cell_counts"]
    }
    safety = cells["shed_safety", "operational"]
    assert (safety["silent"], safety["filtered"], safety["errors"]) == (2, 1, 1)
    assert cells["shed_fraud", "operational"]["filtered"] == 1
    assert all(row["scored"] == 8 for row in cells.values() if row is not safety)
    said = " ".join(done.stdout.str().split())
    assert "uneven: 1 of 4 cells" in said
    assert "7 of 8" in said


def test_a_product_that_never_answers_is_not_measured(bench):
    bench.suite(pairs=("one",))
    (bench.path / "mute.py").write_text("")
    done = bench.run(
        model=f"command:{sys.executable} -S mute.py", told=("--judge", "offline")
    )
    assert done.ret == 10
    assert "--safety-allow-silence" in done.stdout.str()
