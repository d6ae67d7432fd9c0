"""What experiments say in words: variants of prompts, and the study's hypotheses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pytest_domainsafety.reporting.numbers import (
    change,
    change_limits,
    number,
    p_value,
    percent,
    points,
    spoken,
)
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import Results
from pytest_domainsafety.types.experiments import (
    ABLATED,
    HYPOTHESES,
    Ablated,
    Answer,
    Hypothesis,
    HypothesisRow,
)

EFFECT: dict[Answer, str] = {
    "less": "helps less, beyond rewording",
    "more": "helps more, beyond rewording",
    "differs": "differs between levels",
    "within_rewording": "no more than rewording does",
    "no_floor": "changes; beside no rewording",
    "none_shown": "no change shown",
    "noise": "the noise floor",
}
"""What a variant does, in a few words."""
CLAIM: dict[Hypothesis, str] = {
    "H1": "refusal follows words of alarm",
    "H3": "a model refuses what a law forbids",
    "H4": "a professional framing hides the harm",
    "H5": "the asker's voice decides",
}
_PREDICTION: dict[str, str] = {
    "synonyms": "helps more with these words replaced",
    "persona_swap": "helps less in the analyst's voice",
    "codification": "helps more, the looser the law",
    "jurisdiction": "differs between legal frames",
}
NO_REWORDING = (
    "how much mere rewording changes is not known: ask placebo, paraphrase_1 and "
    "paraphrase_2 too"
)


class Words(NamedTuple):
    """A table as text; a heading that begins with # is of numbers."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def ablated(results: Results) -> dict[str, Ablated]:
    """Return variant → what it changes; empty where none was asked."""
    return ABLATED.validate_python(results.tables.get("ablation") or {})


def hypotheses(results: Results) -> list[HypothesisRow]:
    """Return the hypotheses that these results speak to."""
    return HYPOTHESES.validate_python(results.tables.get("hypotheses") or [])


def ablation_words(results: Results) -> Words:
    """Return the table of variants over models."""
    rows = tuple(
        (
            spoken(name),
            number(row.pairs),
            percent(row.written),
            percent(row.changed),
            change(row.difference),
            change_limits(row.ci),
            p_value(row.p_adjusted if row.kind != "rewording" else row.p),
            change(row.rewording.difference if row.rewording else None),
            p_value(row.beyond),
            EFFECT[row.answer],
        )
        for name, row in ablated(results).items()
    )
    columns = (
        *("Variant", "#Pairs", "#As written", "#With it", "#Change", "#Limits"),
        *("#p (Holm)", "#Against rewordings", "#p beyond them", "What it does"),
    )
    return Words("Variants against the prompts as written, in points", columns, rows)


def parts_words(results: Results, by: str) -> Words:
    """Return changes of each variant by ``domain`` or by ``model``, p uncorrected."""
    rows = tuple(
        (
            spoken(name),
            spoken(part) if by == "domain" else part,
            number(one.pairs),
            change(one.difference),
            change_limits(one.ci),
            p_value(one.p),
        )
        for name, row in ablated(results).items()
        for part, one in (row.by_domain if by == "domain" else row.by_model).items()
    )
    columns = ("Variant", by.capitalize(), "#Pairs", "#Change", "#Limits", "#p")
    return Words(f"Variants by {by}, in points", columns, rows)


def ablation_notes(results: Results) -> Iterator[str]:
    """Say how the table is read: the noise floor, and what is behind a p-value."""
    rows = ablated(results)
    if not rows:
        return
    noise = {n: row for n, row in rows.items() if row.kind == "rewording"}
    tested = [row for row in rows.values() if row.kind != "rewording"]
    if noise:
        told = "; ".join(
            f"{spoken(name)} {points(row.difference)} [{change_limits(row.ci)}]"
            for name, row in noise.items()
        )
        yield f"noise floor, what mere rewording changes in points: {told}"
    elif tested:
        yield NO_REWORDING
    if tested:
        yield (
            f"p-values are corrected for {counted(len(tested), 'variant')} (Holm); a "
            "change counts as more than rewording where tests against the prompt and "
            "against its rewordings both say so, and it is larger than any rewording's"
        )


def hypothesis_words(results: Results) -> Words:
    """Return the table of hypotheses: what each predicts, what was seen, a verdict."""
    rows = tuple(
        (
            f"{row.name}: {CLAIM[row.name]}",
            spoken(row.by),
            prediction(row),
            seen(row),
            number(row.pairs),
            p_value(row.p_adjusted),
            hypothesis_verdict(row),
        )
        for row in hypotheses(results)
    )
    columns = (
        *("Hypothesis", "By", "It predicts", "Seen, in points", "#Pairs"),
        *("#p (Holm)", "Verdict"),
    )
    return Words("The study's hypotheses", columns, rows)


def prediction(row: HypothesisRow) -> str:
    """Return what a hypothesis predicts of one factor."""
    return _PREDICTION.get(row.by, "helps less without the framing")


def seen(row: HypothesisRow) -> str:
    """Return what was seen: a change, or compliance by level."""
    told = ""
    if row.difference is not None and row.ci is not None:
        told = f"{change(row.difference)} [{change_limits(row.ci)}]"
        told += " a step" if row.levels else ""
    levels = ", ".join(f"{n} {percent(one.rate)}" for n, one in row.levels.items())
    return "; ".join(text for text in (told, levels) if text)


def hypothesis_verdict(row: HypothesisRow) -> str:
    """Return the verdict in words: for, against, or why neither."""
    sign = {"less": -1, "more": 1}.get(row.predicts, 0)
    right = row.difference is not None and row.difference * sign > 0
    if row.answer == "within_rewording":
        return "neither: rewording changes as much"
    if row.answer == "none_shown":
        return "open: nothing shown"
    if row.answer == "no_floor":
        way = "as predicted" if right else "against it"
        return f"{way}, but perhaps by mere rewording (none was asked)"
    if row.answer == row.predicts:
        apart = "" if row.paired else ", between other scenarios"
        return f"as predicted{apart}"
    return "against the prediction"


def in_short(results: Results) -> Iterator[str]:
    """Yield a few sentences on a run's variants and hypotheses, for a terminal."""
    rows = ablated(results)
    if not rows:
        return
    parts = [
        f"{spoken(name)} {points(row.difference)} ({EFFECT[row.answer]})"
        for name, row in rows.items()
        if row.kind != "rewording"
    ]
    if parts:
        told = "; ".join(parts)
        yield f"variants, change of compliance in points (in no gate): {told}"
    notes = list(ablation_notes(results))
    yield from notes[:1]
    verdicts = [
        f"{row.name} by {spoken(row.by)} {hypothesis_verdict(row)}"
        for row in hypotheses(results)
    ]
    if verdicts:
        yield f"hypotheses: {'; '.join(verdicts)}"
