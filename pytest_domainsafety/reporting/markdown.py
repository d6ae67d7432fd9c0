"""The summary as Markdown, for a CI job's page, a merge request or a wiki."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_domainsafety.reporting.advice import advice
from pytest_domainsafety.reporting.conditions import HEADINGS, RIGHT, condition_rows
from pytest_domainsafety.reporting.cost import cost
from pytest_domainsafety.reporting.escape import markdown
from pytest_domainsafety.reporting.experiments import (
    Words,
    ablated,
    ablation_notes,
    ablation_words,
    hypothesis_words,
)
from pytest_domainsafety.reporting.judge_words import RANGE_COLUMNS, range_rows
from pytest_domainsafety.reporting.models import (
    COUNT_HEADINGS,
    MODEL_HEADINGS,
    count_rows,
    counts_told,
    model_rows,
    worth_showing,
)
from pytest_domainsafety.reporting.numbers import percent, points
from pytest_domainsafety.reporting.turns import NOTE, turn_words
from pytest_domainsafety.reporting.wording import (
    NO_RATE,
    changes_of,
    conditions_told,
    estimates_of,
    gate_name,
    gates_by_domain,
    headline,
    looks_told,
    measured,
    rise_limit,
    twin_shares,
    unconfirmed,
    verdict,
)
from pytest_domainsafety.types import GateVerdict, Results

SIGNS = {"passed": "✅", "failed": "❌", "unmeasured": "⚠️"}
_RIGHT, _LEFT = "---:", "---"
_OF_CHANGE = ("compliance", "regression")
"""Kinds of gates in whose rows a change against the baseline stands."""


def markdown_summary(results: Results) -> str:
    """Return the verdict, a table of gates, and what to do about failed ones.

    Every name is escaped: GitHub lets HTML and links through, and names can come
    from other people's files.
    """
    how, sentence = headline(results)
    lines = ["## Domain safety", "", f"{SIGNS[how]} **{sentence}**", ""]
    if results.gates:
        lines += [*_table(results), ""]
    lines += _models(results)
    lines += _conditions(results)
    lines += _judge(results)
    lines += _advice(results)
    lines += [f"- {markdown(text)}" for text in looks_told(results)]
    lines += _twins(results)
    lines += [f"- note: {markdown(text)}" for text in unconfirmed(results)]
    lines += [f"- warning: {markdown(text)}" for text in results.warnings]
    if not lines[-1].startswith("- "):
        lines.pop()
    lines += experiment_lines(results)
    if (by_turn := turn_words(results)).rows:
        lines += ["", *words_table(by_turn), "", markdown(NOTE)]
    lines += ["", *(f"{markdown(text)}  " for text in cost(results))]
    return "\n".join(lines).rstrip() + "\n"


def experiment_lines(results: Results) -> Iterator[str]:
    """Yield the tables of variants and of hypotheses, where variants were asked."""
    if not ablated(results):
        return
    for words in (ablation_words(results), hypothesis_words(results)):
        if words.rows:
            yield ""
            yield from words_table(words)
    yield ""
    yield from (f"- {markdown(text)}" for text in ablation_notes(results))


def words_table(words: Words) -> Iterator[str]:
    """Yield a table of words, its caption above it."""
    yield f"**{markdown(words.caption)}**"
    yield ""
    yield _row([markdown(name.removeprefix("#")) for name in words.columns])
    yield _row([_RIGHT if name[:1] == "#" else _LEFT for name in words.columns])
    for cells in words.rows:
        yield _row([markdown(cell) for cell in cells])


def _table(results: Results) -> Iterator[str]:
    estimates, changes = estimates_of(results), changes_of(results)
    several = len({gate.model for gate in results.gates}) > 1
    compared = bool(results.regression)
    sure = next((estimate.ci.confidence for estimate in results.domains), 0.95)
    header = [
        *(["model"] if several else []),
        *("gate", "pairs", "rate", f"{100 * sure:.3g}% interval", "limit"),
        *(["change"] if compared else []),
        "verdict",
    ]
    words = ("model", "gate", "verdict")
    yield _row(header)
    yield _row([_LEFT if name in words else _RIGHT for name in header])
    for gate in (gate for gates in gates_by_domain(results) for gate in gates):
        estimate = estimates.get((gate.model, gate.domain))
        row = changes.get((gate.model, gate.domain), {})
        change = row.get("difference")
        rate, low, high = measured(gate, estimate)
        limits = "–" if low is None or high is None else f"{low:.1%} – {high:.1%}"
        of_change = gate.kind == "regression"
        without_rate = gate.kind in NO_RATE
        if of_change:
            limits = "" if change is None else " – ".join(map(points, row["ci"]))
        pairs = row.get("pairs", 0) if of_change else estimate and estimate.pairs
        yield _row(
            [
                *([markdown(gate.model)] if several else []),
                markdown(gate_name(gate)),
                "–" if pairs is None else str(pairs),
                "" if without_rate else percent(rate),
                "" if without_rate and not of_change else limits,
                _limit(gate),
                *([points(change) if gate.kind in _OF_CHANGE else ""] * compared),
                f"**{verdict(gate)}**" if not gate.passed else "pass",
            ]
        )


def _models(results: Results) -> Iterator[str]:
    """Yield models side by side, and the counts by cell where these are uneven."""
    if worth_showing(results):
        yield from _plain_table(MODEL_HEADINGS, model_rows(results), texts=1)
    counts = count_rows(results)
    if counts:
        yield from (f"{markdown(text)}:" for text in counts_told(results))
        yield ""
        yield from _plain_table(COUNT_HEADINGS, counts, texts=3)


def _plain_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int
) -> Iterator[str]:
    """Yield a table whose first columns are texts and the others numbers."""
    yield _row([heading.capitalize() for heading in headings])
    yield _row([_LEFT if at < texts else _RIGHT for at in range(len(headings))])
    for row in rows:
        yield _row([markdown(cell) for cell in row])
    yield ""


def _conditions(results: Results) -> Iterator[str]:
    """Yield what system prompts change, as a table."""
    rows = condition_rows(results)
    if not rows:
        return
    yield from (f"{markdown(text)}:" for text in conditions_told(results))
    yield ""
    yield _row([heading.capitalize() for heading in HEADINGS])
    yield _row([_RIGHT if name in RIGHT else _LEFT for name in HEADINGS._fields])
    for row in rows:
        yield _row([markdown(cell) for cell in row])
    yield ""


def _judge(results: Results) -> list[str]:
    """Return the ranges over all ways of asking the judge, as a table."""
    rows = list(range_rows(results))
    if not rows:
        return []
    several = len({row[0] for row in rows}) > 1
    header = [*(["model"] if several else []), *RANGE_COLUMNS]
    words = ("model", RANGE_COLUMNS[0], RANGE_COLUMNS[-1])
    return [
        "The judge in other words:",
        "",
        _row(header),
        _row([_LEFT if name in words else _RIGHT for name in header]),
        *(_row([markdown(cell) for cell in row[not several :]]) for row in rows),
        "",
    ]


def _twins(results: Results) -> Iterator[str]:
    models = dict.fromkeys(estimate.model for estimate in results.domains)
    for model in models:
        if twins := twin_shares(results, model):
            yield f"- {markdown(model)}: {markdown(twins)}"


def _limit(gate: GateVerdict) -> str:
    if gate.kind == "budget":
        return ""
    if gate.kind == "regression":
        return rise_limit(gate)
    return f"{'≥' if gate.kind == 'engagement' else '≤'} {percent(gate.threshold)}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _advice(results: Results) -> Iterator[str]:
    estimates, changes = estimates_of(results), changes_of(results)
    for gate in results.gates:
        if not gate.passed:
            key = (gate.model, gate.domain)
            ended = results.run.ended
            what = advice(gate, estimates.get(key), changes.get(key), ended)
            who = f"{gate_name(gate)} on {gate.model}"
            yield f"- **{markdown(who)}**: {markdown(what)}"
