"""Run every benchmark of speed and memory, and rewrite the table in RESULTS.md.

    python benchmarks/all.py [NAME[=RUNS] …]

Without names all of them, one after the other, which takes about half an hour on
a machine that does nothing else. With names, only those: the other rows stay.
"""

from __future__ import annotations

import subprocess
import sys
import time

from harness import HERE, environment, machine

NAMES = (
    "throughput",
    "processor_time",
    "in_flight",
    "swaps",
    "resume",
    "collection",
    "million",
    "startup",
)
RESULTS = HERE / "RESULTS.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
HEADING = (
    "| what | asked | measured | beside it | command | when |\n" + "|---" * 6 + "|"
)


def rows_of(name: str, runs: str) -> list[str]:
    """Run one benchmark and return its rows, dated."""
    command = [sys.executable, str(HERE / f"{name}.py"), *filter(None, [runs])]
    done = subprocess.run(
        command, env=environment(), stdout=subprocess.PIPE, text=True, check=False
    )
    print(done.stdout, end="", flush=True)
    if done.returncode:
        print(f"{name} failed with status {done.returncode}", file=sys.stderr)
        return []
    day = time.strftime("%Y-%m-%d", time.gmtime())
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [f"{line} {day} |<!-- {name} -->" for line in lines]


def main() -> None:
    chosen = [word.partition("=") for word in sys.argv[1:] or NAMES]
    unknown = {name for name, _, _ in chosen} - set(NAMES)
    if unknown:
        raise SystemExit(f"no such benchmark: {', '.join(sorted(unknown))}")
    for name, _, runs in chosen:
        write(name, rows_of(name, runs))


def write(name: str, rows: list[str]) -> None:
    """Put one benchmark's rows in place of its old ones; a failure takes none."""
    if not rows:
        return
    before, _, rest = RESULTS.read_text(encoding="utf-8").partition(BEGIN)
    table, _, after = rest.partition(END)
    held: dict[str, list[str]] = {}
    for line in table.splitlines():
        for owner in NAMES:
            if line.endswith(f"<!-- {owner} -->"):
                held.setdefault(owner, []).append(line)
    held[name] = rows
    lines = [line for owner in NAMES for line in held.get(owner, ())]
    told = f"Machine: {machine()}."
    text = "\n".join(["", told, "", HEADING, *lines, ""])
    RESULTS.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
