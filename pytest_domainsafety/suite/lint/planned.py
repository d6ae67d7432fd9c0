"""A corpus against its plan: every pair planned and written, every factor as planned.

What a prompt can be seen to have or not (length, turns, digits, lists) is a rule;
what a lexicon thinks of it (places, concealment) is a hint.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Final

from pytest_domainsafety.errors import SuiteProblem
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.suite.lint.cues import framing_tags
from pytest_domainsafety.suite.lint.findings import Findings
from pytest_domainsafety.suite.lint.requests import (
    conceals,
    has_digits,
    has_list,
    places,
)
from pytest_domainsafety.suite.lint.words import text_of, words
from pytest_domainsafety.suite.plan import (
    LENGTHS,
    PLAN_NAME,
    Plan,
    PlanRow,
    read_plan,
)
from pytest_domainsafety.types import ScenarioPair

BALANCE: Final = 0.12
"""The most by which the share of a factor's level in a domain may differ from its mean
over domains: some nine of 72 pairs."""
ENOUGH_FOR_BALANCE: Final = 20
"""Pairs a domain from which shares are compared."""
_EXPLICIT: Final = ("core", "zero_tolerance", "subdomain", "openness")


def read_plans(
    suites: Sequence[LoadedSuite],
) -> tuple[dict[Path, Plan], list[SuiteProblem]]:
    """Return the plans beside suites, by folder, and what can't be used of them."""
    plans: dict[Path, Plan] = {}
    problems: list[SuiteProblem] = []
    for folder in dict.fromkeys(loaded.path.parent for loaded in suites):
        plan, faults = read_plan(folder / PLAN_NAME)
        problems += faults
        if plan is not None:
            plans[folder] = plan
    return plans, problems


def unwritten(
    plans: Mapping[Path, Plan], suites: Sequence[LoadedSuite], *, strict: bool
) -> Iterator[SuiteProblem]:
    """Yield a problem for each pair of these suites' domains that nobody wrote."""
    for folder, plan in plans.items():
        here = [loaded.suite for loaded in suites if loaded.path.parent == folder]
        written = {
            (suite.domain, pair.id) for suite in here for pair in suite.scenarios
        }
        domains = {suite.domain for suite in here}
        for key, line in plan.lines.items():
            if key[0] in domains and key not in written:
                yield SuiteProblem(
                    plan.path,
                    line,
                    f"is planned in {key[0]}, and no suite there has it",
                    key[1],
                    severity="error" if strict else "warning",
                )


def check_against(findings: Findings, plan: Plan) -> None:
    """Hold each pair of a file to its row."""
    suite = findings.loaded.suite
    for place, pair in enumerate(suite.scenarios):
        row = plan.rows.get((suite.domain, pair.id))
        if row is None:
            findings.rule(f"is not in {plan.path}", place, "id")
            continue
        _factors(findings, place, pair, row)
        _seen(findings, place, pair, row)
        _guessed(findings, place, pair, row)
        _whole(findings, place, pair)


def _factors(findings: Findings, place: int, pair: ScenarioPair, row: PlanRow) -> None:
    suite = findings.loaded.suite
    told: dict[str, tuple[object, object]] = {
        name: (getattr(pair, name), getattr(row, name)) for name in _EXPLICIT
    }
    told["role"] = (pair.role or "none", row.role)
    told["family"] = (pair.family_or_id, row.family)
    told["jurisdiction"] = (suite.jurisdiction_of(pair), row.jurisdiction)
    told["codification"] = (suite.codification_of(pair), row.codification)
    for name, (is_now, planned) in told.items():
        if is_now != planned:
            message = f"is {_word(is_now)}, and planned is {_word(planned)}"
            findings.rule(message, place, name)
    tags = frozenset(framing_tags(pair))
    if tags != row.tags:
        message = f"has {_tags(tags)}, and planned is {_tags(row.tags)}"
        findings.rule(message, place, "tags")


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else str(value)


def _tags(tags: frozenset[str]) -> str:
    return "+".join(sorted(tags)) or "no framing tag"


def _seen(findings: Findings, place: int, pair: ScenarioPair, row: PlanRow) -> None:
    text = text_of(pair.operational)
    low, high = LENGTHS[row.length]
    count = len(words(text))
    if not low <= count <= high:
        message = f"has {count} words; planned is {row.length}, {low} to {high}"
        findings.rule(message, place, "operational")
    turns = len(pair.turns("operational"))
    if turns != row.turns:
        message = f"has {turns} user turn(s); planned are {row.turns}"
        findings.rule(message, place, "operational")
    for form, has in (("digits", has_digits), ("list", has_list)):
        if form in row.form and not has(text):
            message = f"has none of the planned form, {form}"
            findings.rule(message, place, "operational")
        elif row.form == ("none",) and has(text):
            message = f"has {form}, and planned is plain prose"
            findings.hint(message, place, "operational")
        if has(text) is not has(pair.analytical) and form == "list":
            message = "is a list in one framing alone: the form would tell the framing"
            findings.rule(message, place, "analytical")


def _guessed(findings: Findings, place: int, pair: ScenarioPair, row: PlanRow) -> None:
    text = text_of(pair.operational)
    named = places(text) if not row.place else ()
    if named:
        message = f"names a place, {named[0]!r}, and none is planned"
        findings.hint(message, place, "operational")
    if conceals(text) is not row.conceal:
        seen, planned = ("no cue", "one") if row.conceal else ("a cue", "none")
        message = f"has {seen} of something to be concealed, and planned is {planned}"
        findings.hint(message, place, "operational")


def _whole(findings: Findings, place: int, pair: ScenarioPair) -> None:
    """Ask for what every pair of a planned corpus has."""
    if pair.benign is None:
        findings.rule("has no benign twin", place)
    if pair.core and not pair.asks:
        findings.rule("has no list of what it asks for", place)


# ── balance over domains ────────────────────────────────────────────────────


def factor_shares(
    suites: Sequence[LoadedSuite],
) -> dict[str, dict[str, dict[str, float]]]:
    """Return factor → level → domain → share of its pairs.

    Only factors that every pair of every domain says something of.
    """
    by_domain: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for loaded in suites:
        for pair in loaded.suite.scenarios:
            by_domain[loaded.suite.domain].append(_levels(loaded, pair))
    known = [set(row) for rows in by_domain.values() for row in rows]
    shares: dict[str, dict[str, dict[str, float]]] = {}
    for factor in sorted(set.intersection(*known)) if known else ():
        counts = {
            domain: Counter(row[factor] for row in rows)
            for domain, rows in by_domain.items()
        }
        levels = sorted({level for count in counts.values() for level in count})
        shares[factor] = {
            level: {
                domain: count[level] / count.total() for domain, count in counts.items()
            }
            for level in levels
        }
    return shares


def _levels(loaded: LoadedSuite, pair: ScenarioPair) -> dict[str, str]:
    suite, text = loaded.suite, text_of(pair.operational)
    count = len(words(text))
    told = {
        "openness": None if pair.openness is None else str(pair.openness),
        "role": pair.role,
        "jurisdiction": suite.jurisdiction_of(pair),
        "codification": suite.codification_of(pair) if pair.codification else None,
    }
    seen = {
        "length": next(
            (name for name, (_, high) in LENGTHS.items() if count <= high), "longer"
        ),
        "digits": "yes" if has_digits(text) else "no",
        "list": "yes" if has_list(text) else "no",
        "place": "yes" if places(text) else "no",
        "conceals": "yes" if conceals(text) else "no",
        "core": "yes" if pair.core else "no",
    }
    tags = {
        tag: "yes" if tag in pair.tags else "no" for tag in ("F1", "F2", "F3", "F4")
    }
    return {name: level for name, level in told.items() if level} | seen | tags


_HINTS = frozenset({"place", "conceals", "codification"})
"""Factors that a lexicon tells, and the one that is as the law is: it may well differ
between domains, and nobody can write it otherwise."""


def check_balance(
    suites: Sequence[LoadedSuite], all_findings: Mapping[str, Findings]
) -> None:
    """Note where a factor's level stands for a domain."""
    sizes: Counter[str] = Counter()
    first: dict[str, Findings] = {}
    for loaded in suites:
        sizes[loaded.suite.domain] += len(loaded.suite.scenarios)
        first.setdefault(loaded.suite.domain, all_findings[loaded.display])
    if len(sizes) < 2 or min(sizes.values()) < ENOUGH_FOR_BALANCE:
        return
    for factor, levels in factor_shares(suites).items():
        for level, by_domain in levels.items():
            middle = mean(by_domain.values())
            for domain, share in by_domain.items():
                if abs(share - middle) <= BALANCE or level == "no":
                    continue
                message = (
                    f"{share:.0%} of the pairs have {factor} {level}, over all domains "
                    f"{middle:.0%}: within {100 * BALANCE:.0f} points expected, or a "
                    "difference between domains may be one of writing"
                )
                note = first[domain].hint if factor in _HINTS else first[domain].rule
                note(message)
