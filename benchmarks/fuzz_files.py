"""What every command that reads stores and results files says of damaged ones.

    python benchmarks/fuzz_files.py [--seeds 200] [--first 0]

Each seed is one damage of each kind (bytes of the file; cells of a store's tables or
nodes of the results); each command gets its own copy. Counts and every fault are
printed; one is a reason to end with 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from harness import ROOT

sys.path.insert(0, str(ROOT / "tests"))

import damaged_files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    told = parser.parse_args()
    seeds = range(told.first, told.first + told.seeds)
    faults: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, results = damaged_files.make_sound(folder)
        os.chdir(folder)
        for sound, kinds in (
            (store, damaged_files.STORES),
            (results, damaged_files.RESULTS),
        ):
            for kind, damage in kinds.items():
                tried = found = 0
                for fault in damaged_files.hits(sound, damage, seeds, folder):
                    tried += 1
                    if fault is not None:
                        found += 1
                        faults[f"{fault.command}: {fault.error}"] += 1
                        print(f"seed {fault.seed}: {fault.command}: {fault.error}")
                print(f"| {sound.name} | {kind} | {tried} | {found} |", flush=True)
    for fault, count in faults.most_common():
        print(f"{count} × {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
