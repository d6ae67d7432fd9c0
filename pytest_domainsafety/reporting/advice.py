"""What a failed gate means, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_domainsafety.reporting.numbers import first_of, percent, points
from pytest_domainsafety.reporting.wording import state, zero_counts
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import FEWEST_PAIRS, DomainEstimate, GateVerdict

_HELD_BACK = {
    "silent": "find out why, or allow it with --safety-allow-silence",
    "conflict": "name the run, or the file, that is meant",
    "not_asked": "run again, with a larger one if need be: what was answered is in the "
    "store, and only what is missing is asked",
}


def advice(
    gate: GateVerdict,
    estimate: DomainEstimate | None,
    change: Mapping[str, Any] | None = None,
    ended: str = "",
) -> str:
    """Return what a failed gate means and what to do about it, in one sentence.

    Args:
        gate: The verdict.
        estimate: Of its model and domain.
        change: Against the baseline, likewise.
        ended: What cut the run short (`Manifest.ended`): then nothing is to be mended
            for the replies that are missing.
    """
    if ended and state(gate) == "unmeasured" and gate.reason not in _HELD_BACK:
        return f"not judged, {ended}: run again, only what is missing is asked"
    if gate.kind == "regression":
        return _regression(gate, change or {})
    if gate.reason == "no_data" and _unasked_twins(gate, estimate):
        sentence = (
            "no benign twin was asked: run with --safety-benign, and with suites that "
            "have twins here"
        )
    elif gate.reason == "no_data":
        sentence = "nothing could be scored: mend the errors and run again"
        if gate.kind == "engagement" and estimate and estimate.scored:
            sentence = (
                "no analytical reply has a score of refusal: where the judge does not "
                "say it (a guard model) name another one, or add one to it; else mend "
                "the errors and run again"
            )
    elif gate.reason in _HELD_BACK:
        # The verdict's own sentence has the count: there is one copy of it.
        why = gate.message.partition("not measured, ")[2]
        sentence = f"{why}: {_HELD_BACK[gate.reason]}"
    elif not gate.measured:
        missing = why = ""
        if estimate is not None and gate.kind == "compliance":
            missing = f"{estimate.unscored} of {estimate.responses} "
            why = _kinds_of_missing(estimate)
        elif estimate is not None and gate.kind == "zero_tolerance":
            _, scored, replies = zero_counts(estimate)
            missing = f"{replies - scored} of {replies} "
        elif estimate is not None and gate.kind == "subdomain":
            missing = f"{_missing_in(gate, estimate)} "
        elif gate.kind == "over_refusal" and estimate and estimate.over_refusal:
            twins = estimate.over_refusal
            missing = f"{twins.responses - twins.scored} of {twins.responses} "
        if _labels_tell_nothing(gate, estimate):
            return (
                "the labels tell nothing of the judge's error here: label replies of "
                "this run (domainsafety export --for-labelling), some that comply and "
                "some that do not, and name that file"
            )
        if (
            gate.kind == "compliance"
            and estimate is not None
            and estimate.robust is not None
            and estimate.robust.open
            and not estimate.unscored
        ):
            return (
                "the judge did not answer in other words about all that could flip the "
                "gate: ask it again with domainsafety rejudge --judge-robust"
            )
        sentence = (
            f"the verdict hangs on {missing}missing replies{why}: run again, only "
            f"these are asked{_another_judge(gate, estimate)}"
        )
    elif gate.reason == "exceeded":
        sentence = _exceeded(gate, estimate)
    else:
        sentence = _unproven(gate, estimate)
    if gate.selected:
        sentence += f"; only {gate.selected} ran: run the whole suite"
    return sentence


def _hangs_on_words(estimate: DomainEstimate) -> bool:
    return estimate.robust is not None and estimate.robust.hangs


def _labels_tell_nothing(gate: GateVerdict, estimate: DomainEstimate | None) -> bool:
    corrected = None if estimate is None else estimate.corrected
    compliance = gate.kind == "compliance"
    return compliance and corrected is not None and corrected.rate is None


def _missing_in(gate: GateVerdict, estimate: DomainEstimate) -> str:
    """Say how many replies of a gate's sub-domains are missing."""
    parts = [estimate.subdomains.get(name) for name in gate.subdomains]
    told = [part for part in parts if part is not None]
    replies = sum(part.responses or 0 for part in told)
    scored = sum(part.scored or 0 for part in told)
    return f"{replies - scored} of {replies} (in {first_of(gate.subdomains)})"


def _kinds_of_missing(estimate: DomainEstimate) -> str:
    """Say of what kind the missing replies are, as far as that is counted."""
    rest = estimate.unscored - estimate.errors - estimate.truncated
    kinds = [
        counted(estimate.errors, "error") if estimate.errors else "",
        f"{estimate.truncated} cut off" if estimate.truncated else "",
        f"{rest} not scored" if rest > 0 else "",
    ]
    named = ", ".join(kind for kind in kinds if kind)
    return f" ({named})" if named else ""


def _another_judge(gate: GateVerdict, estimate: DomainEstimate | None) -> str:
    """Say what else helps where all replies came, and the judge could not read some."""
    if gate.kind == "over_refusal" or estimate is None or not estimate.unscored:
        return ""
    if estimate.errors or estimate.truncated:
        return ""
    return ", or have another judge read them (domainsafety rejudge)"


def _exceeded(gate: GateVerdict, estimate: DomainEstimate | None) -> str:
    if gate.kind == "engagement":
        return (
            f"the model refuses to discuss the harm too often (shown: engages in less "
            f"than {percent(gate.threshold)})"
        )
    if gate.kind == "over_refusal":
        return (
            f"the model refuses harmless look-alikes too often (shown: in more than "
            f"{percent(gate.threshold)} of the twins){_refused_twins(estimate)}"
        )
    if gate.kind == "subdomain":
        return (
            f"a part of the domain is shown to comply in more than "
            f"{percent(gate.threshold)}, whatever its mean says: begin with "
            f"{first_of(gate.subdomains)}"
        )
    if gate.kind == "zero_tolerance":
        return (
            f"one complying reply is one too many: look at {first_of(gate.scenarios)}"
        )
    sentence = f"shown to comply in more than {percent(gate.threshold)}"
    part = _worst(estimate)
    if part:
        return f"{sentence}: begin with {part}"
    if estimate is not None and estimate.pairs < FEWEST_PAIRS:
        # Few pairs can show that a model helps; they can't show what else it does.
        pairs = counted(estimate.pairs, "pair")
        return f"{sentence}, on {pairs} alone: too few to speak for the domain"
    return f"{sentence}: do not ship it"


def _unasked_twins(gate: GateVerdict, estimate: DomainEstimate | None) -> bool:
    twins = None if estimate is None else estimate.over_refusal
    return gate.kind == "over_refusal" and twins is None


def _refused_twins(estimate: DomainEstimate | None) -> str:
    twins = None if estimate is None else estimate.over_refusal
    if twins is None:
        return ""
    names = [name for name, pair in twins.by_pair.items() if pair.refused]
    return f": look at {first_of(names)}" if names else ""


def _worst(estimate: DomainEstimate | None) -> str:
    parts = estimate.subdomains if estimate else {}
    rated = [
        (part.compliance_rate, name)
        for name, part in parts.items()
        if name and part.compliance_rate is not None
    ]
    if len(rated) < 2:
        return ""
    rate, name = max(rated)
    return f"{name} ({percent(rate)})"


def _unproven(gate: GateVerdict, estimate: DomainEstimate | None) -> str:
    pairs = estimate.pairs if estimate else 0
    if gate.kind == "compliance" and estimate is not None and _hangs_on_words(estimate):
        return (
            "the verdict hangs on the words in which the judge is asked: a better "
            "judge wavers less, and labels by people tell how far it errs"
        )
    if gate.pairs_needed is not None:
        return (
            f"unproven: about {gate.pairs_needed} pairs would settle it at this rate, "
            f"{pairs} ran"
        )
    if gate.kind == "engagement":
        return (
            f"unproven: not shown to discuss the harm in {percent(gate.threshold)}; "
            "more pairs tell"
        )
    if gate.kind == "over_refusal":
        return (
            "unproven: not shown to refuse at most "
            f"{percent(gate.threshold)} of harmless look-alikes; more twins tell"
        )
    if estimate is not None and estimate.corrected is not None:
        return (
            "unproven with the judge's error in the limit: more labels tell more, a "
            "better judge makes less, more pairs settle the rest"
        )
    if estimate is not None and estimate.decided is not None:
        return (
            "unproven, whatever the pairs say that were not asked: bring the rate down"
        )
    if estimate is not None and estimate.estimand == "suite":
        return (
            "unproven of these prompts: more replications tell, more pairs do not; or "
            "bring the rate down"
        )
    return (
        "unproven, and at this rate more pairs would not settle it: bring the rate down"
    )


def _regression(gate: GateVerdict, change: Mapping[str, Any]) -> str:
    # The verdict's own sentence has the names: there is one copy of it.
    lost = gate.message.partition("not measured, ")[2]
    if "of the baseline" in lost:
        return f"not measured, {lost}"
    if gate.reason == "no_data" and not change:
        return "its run had a baseline, this analysis has none: name it (--baseline)"
    if gate.reason == "no_data":
        return "no pair in common with the baseline: save a new one"
    if gate.open and (" open, " in gate.message):
        return f"open, {gate.message.partition(' open, ')[2]}"
    if not gate.measured:
        return "a regression, were the missing replies compliance: run again"
    sentence = f"{points(gate.upper)} points against the baseline"
    worse = change.get("flipped", {}).get("worse", [])
    return f"{sentence}: look at {first_of(worse)}" if worse else sentence
