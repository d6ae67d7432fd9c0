"""Make `suites/plan.csv`: the corpus as a designed experiment.

    python benchmarks/plan_suites.py            # writes suites/plan.csv
    python benchmarks/plan_suites.py --check    # says whether it would be the same

Seven domains of 72 pairs, nine sub-domains of eight. What a pair is like (how openly
it shows the wrong, who asks, which framings, its register, length, form, legal frame)
is drawn so that every factor has the same margin in every domain and is crossed with
the sub-domains and with the other factors: a difference between domains then is no
difference between the ways in which they were written (docs/method.md, "What the
corpus is"). The 20 core pairs of a domain keep what `plan_core.csv` says of them; the
other 52 get their families from `plan_families.yaml`.

The draw is a search by swaps: start from any assignment with the right margins, swap
two pairs' levels of one factor, keep the swap if the sum of squared deviations from
independence doesn't grow. Margins stay exact throughout, and a seed fixes all of it.
Last comes what the writers could not do as drawn (`plan_as_written.csv`): how firmly a
law forbids a request can't be chosen by lot.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import yaml

HERE = Path(__file__).parent
PLAN = HERE.parent / "suites" / "plan.csv"
SEED = 20261127
SWAPS = 6_000
# fmt: off
COLUMNS = (
    "domain", "id", "core", "subdomain", "family", "openness", "role", "f1", "f2", "f4",
    "conceal", "person", "aside", "place", "register", "form", "length", "jurisdiction",
    "codification", "zero_tolerance", "turns",
)
# fmt: on

# Levels over the 72 pairs of a domain. Openness: 0 a bare professional request, 1 could
# pass for hard business, 2 open crime or deceit, 3 open violence or children.
MARGINS: dict[str, dict[str, int]] = {
    "openness": {"0": 22, "1": 22, "2": 22, "3": 6},
    "role": {"none": 24, "institutional": 24, "personal": 24},
    "f1": {"1": 29, "0": 43},
    "f2": {"1": 29, "0": 43},
    "f4": {"1": 29, "0": 43},
    "conceal": {"1": 29, "0": 43},
    "person": {"1": 22, "0": 50},
    "aside": {"1": 5, "0": 67},
    "register": {"plain": 18, "office": 18, "chat": 18, "technical": 18},
    "form": {"none": 44, "digits": 14, "list": 7, "typos": 7},
    "length": {"short": 18, "middle": 36, "long": 18},
    "jurisdiction": {"US": 36, "EU": 18, "UK": 18},
    "codification": {"high": 24, "mixed": 24, "low": 24},
}
# What a core pair was written with; the rest of it is drawn like a new pair's.
FIXED = ("openness", "role", "f1", "f2", "f4", "person", "aside", "length")
CORE_MARGINS = {
    "conceal": {"1": 9, "0": 11},
    "register": {"plain": 5, "office": 5, "chat": 5, "technical": 5},
    "form": {"none": 14, "digits": 4, "list": 1, "typos": 1},
    "jurisdiction": {"US": 20},
    "codification": {"high": 7, "mixed": 7, "low": 6},
}


def draw_domain(
    domain: str, core: list[dict[str, str]], families: dict[str, list[str]]
) -> list[dict[str, str]]:
    """Return a domain's 72 rows."""
    rng = random.Random(f"{SEED}/{domain}")
    old = [_core_row(domain, row) for row in core]
    new = [
        _new_row(domain, subdomain, family)
        for subdomain, names in families.items()
        for family in names
    ]
    for factor, margin in MARGINS.items():
        if factor not in FIXED:
            _deal(rng, old, factor, CORE_MARGINS[factor])
        taken = Counter(row[factor] for row in old)
        _deal(rng, new, factor, {k: n - taken[k] for k, n in margin.items()})
    _balance(rng, old, new)
    for row in old + new:
        row["place"] = "0"
    _some_of_many_turns(rng, new)
    return sorted(old + new, key=lambda row: (row["subdomain"], row["id"]))


def _core_row(domain: str, row: dict[str, str]) -> dict[str, str]:
    kept = {
        name: row[name] for name in (*FIXED, "subdomain", "zero_tolerance", "turns")
    }
    family = row.get("family") or row["id"]
    return {"domain": domain, "id": row["id"], "core": "1", "family": family, **kept}


def _new_row(domain: str, subdomain: str, family: str) -> dict[str, str]:
    return {
        "domain": domain,
        "id": family,
        "core": "0",
        "subdomain": subdomain,
        "family": family,
        "zero_tolerance": "0",
        "turns": "1",
    }


def _deal(
    rng: random.Random, rows: list[dict[str, str]], factor: str, margin: dict[str, int]
) -> None:
    """Deal a factor's levels to rows in random order, as often as the margin says."""
    levels = [level for level, count in margin.items() for _ in range(max(0, count))]
    if len(levels) < len(rows):
        raise SystemExit(f"{factor}: {len(levels)} levels for {len(rows)} pairs")
    rng.shuffle(levels)
    for row, level in zip(rows, levels, strict=False):
        row[factor] = level


def _balance(
    rng: random.Random, old: list[dict[str, str]], new: list[dict[str, str]]
) -> None:
    """Swap levels within the core and within the new pairs until little is tied."""
    rows = old + new
    free = [name for name in MARGINS if name not in FIXED]
    score = imbalance(rows)
    for _ in range(SWAPS):
        part, names = (old, free) if rng.random() < 0.2 else (new, list(MARGINS))
        factor = rng.choice(names)
        a, b = rng.sample(part, 2)
        if a[factor] == b[factor]:
            continue
        a[factor], b[factor] = b[factor], a[factor]
        after = imbalance(rows)
        if after <= score:
            score = after
        else:
            a[factor], b[factor] = b[factor], a[factor]


def imbalance(rows: list[dict[str, str]]) -> float:
    """Return the sum of squared deviations from independence, over pairs of factors."""
    names = ("subdomain", *MARGINS)
    size = len(rows)
    total = 0.0
    counts = {name: Counter(row[name] for row in rows) for name in names}
    for first, second in combinations(names, 2):
        both = Counter((row[first], row[second]) for row in rows)
        for level, n in counts[first].items():
            for other, m in counts[second].items():
                expected = n * m / size
                total += (both[level, other] - expected) ** 2 / expected
    return total


def _some_of_many_turns(rng: random.Random, new: list[dict[str, str]]) -> None:
    """Give two turns to four new pairs, two of each openness under 2."""
    for level in ("0", "1"):
        for row in rng.sample([r for r in new if r["openness"] == level], 2):
            row["turns"] = "2"


def plan() -> list[dict[str, str]]:
    """Return all 504 rows."""
    with (HERE / "plan_core.csv").open(encoding="utf-8", newline="") as file:
        core = list(csv.DictReader(file))
    families = yaml.safe_load((HERE / "plan_families.yaml").read_text("utf-8"))
    with (HERE / "plan_as_written.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    rows: list[dict[str, str]] = []
    for domain in sorted(families):
        mine = [row for row in core if row["domain"] == domain]
        rows += draw_domain(domain, mine, families[domain])
    by_pair = {(row["domain"], row["id"]): row for row in rows}
    for entry in written:
        by_pair[entry["domain"], entry["id"]][entry["column"]] = entry["value"]
    return rows


def as_text(rows: list[dict[str, str]]) -> str:
    """Return the plan as the text of its file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def main() -> int:
    """Write the plan, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    text = as_text(plan())
    if parser.parse_args().check:
        same = PLAN.read_text("utf-8") == text
        print("the plan is what its script makes" if same else "the plan differs")
        return 0 if same else 1
    PLAN.write_text(text, "utf-8")
    print(f"{text.count(chr(10)) - 1} pairs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
