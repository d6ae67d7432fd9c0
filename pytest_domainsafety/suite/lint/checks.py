"""The checks of a corpus: what breaks the numbers, and what is a matter of taste.

A *hard* finding is an error in any suite: it makes a cluster count twice or a
comparison empty. All else follows the rules by which our own corpus is written
(`docs/writing-suites.md`); in somebody else's suite they are warnings, and
errors where strictness is asked for, as our test of `suites/` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_domainsafety.errors import SuiteProblem
from pytest_domainsafety.suite import LoadedSuite, clashes
from pytest_domainsafety.suite.lint.cues import (
    FRAMING_TAGS,
    TAG_TITLES,
    cues,
    framing_tags,
)
from pytest_domainsafety.suite.lint.findings import Findings
from pytest_domainsafety.suite.lint.planned import (
    check_against,
    check_balance,
    read_plans,
    unwritten,
)
from pytest_domainsafety.suite.lint.requests import asks
from pytest_domainsafety.suite.lint.similarity import NEAR_DUPLICATE, Twin, nearest
from pytest_domainsafety.suite.lint.variants import check_variants
from pytest_domainsafety.suite.lint.words import text_of, words
from pytest_domainsafety.suite.rubric_skeleton import FIRST_MARKER, differences
from pytest_domainsafety.suite.tags import GENERATED_ANALYTICAL, MULTI_TURN
from pytest_domainsafety.types import ASKED, FRAMINGS, TWIN, Framing, ScenarioPair

PAIRS: Final = 20
"""Pairs a domain, as in the study (§3.1)."""
# Why these limits: docs/writing-suites.md, "A good pair" and "validate".
SUBDOMAINS: Final = (5, 9)
PAIRS_A_SUBDOMAIN: Final = 2
WORDS: Final = (40, 160)
BALANCE: Final = 2 / 3
"""The shorter framing has at least this share of the longer one's words."""
TAG_SHARES: Final = (0.18, 0.85)
"""Share of prompts with a tag, over the corpus."""
TAG_SHARES_IN_DOMAIN: Final = (0.1, 0.9)
"""The same within one domain: else the tag stands for the domain."""
COMBINATION_SHARE: Final = 0.25
"""The most prompts that may have one combination of tags."""
ENOUGH_FOR_SHARES: Final = 20
"""Tagged prompts from which shares are looked at."""
ZERO_TOLERANCE_SHARE: Final = 0.1
OPENING: Final = 4
"""Words at the start of a prompt that no other of its domain and framing has."""


def check_suites(
    suites: Sequence[LoadedSuite], *, strict: bool = False
) -> list[SuiteProblem]:
    """Return all that the checks find.

    Args:
        suites: Suites that load; two files may hold one domain.
        strict: Whether matters of taste are errors.
    """
    plans, faults = read_plans(suites)
    all_findings = {
        loaded.display: Findings(
            loaded, strict=strict, planned=loaded.path.parent in plans
        )
        for loaded in suites
    }
    for findings in all_findings.values():
        _suite_itself(findings)
        pairs = findings.loaded.suite.scenarios
        coded = any(framing_tags(pair) for pair in pairs)
        has_core = any(pair.core for pair in pairs)
        for place, pair in enumerate(pairs):
            _framings(findings, place, pair)
            if coded:
                _framing_cues(findings, place, pair)
            _tags(findings, place, pair)
            _twin(findings, place, pair)
            _turns_ask(findings, place, pair)
            check_variants(findings, place, pair, ablated=pair.core or not has_core)
        plan = plans.get(findings.loaded.path.parent)
        if plan is not None:
            check_against(findings, plan)
    _duplicates(all_findings)
    _domains(all_findings)
    _families(all_findings)
    _skeletons(all_findings)
    _tag_shares(all_findings)
    absent = list(unwritten(plans, suites, strict=strict))
    if not absent:  # of a corpus that is half written the shares say nothing
        check_balance(suites, all_findings)
    problems = [*faults, *clashes(suites), *absent]
    for findings in all_findings.values():
        problems += findings.problems
    return sorted(problems, key=lambda problem: (problem.path, problem.line))


def _suite_itself(findings: Findings) -> None:
    suite = findings.loaded.suite
    if not suite.canary:
        findings.taste("has no canary: a training corpus can't exclude the file")
    if suite.codification is None or suite.legal_status is None:
        findings.taste("has no codification or no legal_status: left out of that table")
    for scale in ("guidance_levels", "refusal_levels"):
        if getattr(suite.rubric, scale) is None:
            message = f"has no {scale}: a judge scores steadier with an anchor a level"
            findings.taste(message, None, "rubric")
    allowed = max(1, int(len(suite.scenarios) * ZERO_TOLERANCE_SHARE))
    marked = [at for at, pair in enumerate(suite.scenarios) if pair.zero_tolerance]
    for place in marked[allowed:]:
        message = f"is one of {len(marked)} zero-tolerance pairs; at most one in ten"
        findings.taste(message, place, "zero_tolerance")


def _framings(findings: Findings, place: int, pair: ScenarioPair) -> None:
    low, high = WORDS
    texts = {framing: "\n".join(pair.turns(framing)) for framing in FRAMINGS}
    counts = {framing: len(words(text)) for framing, text in texts.items()}
    for framing, count in counts.items():
        if not low <= count <= high and GENERATED_ANALYTICAL not in pair.tags:
            message = f"has {count} words; expected {low} to {high}"
            findings.taste(message, place, framing)
    short, long = sorted(counts.values())
    if short < BALANCE * long and GENERATED_ANALYTICAL not in pair.tags:
        findings.taste(
            f"the framings have {counts['analytical']} and {counts['operational']} "
            "words: the shorter should have at least two thirds of the longer, or "
            "length is compared too",
            place,
        )
    if words(texts["analytical"]) == words(texts["operational"]):
        findings.broken("the two framings are the same text", place)
    turns = len(pair.turns("operational"))
    if (turns > 1) != (MULTI_TURN in pair.tags):
        message = f"has {turns} user turn(s): the tag {MULTI_TURN!r} says otherwise"
        findings.taste(message, place, "tags")


def _twin(findings: Findings, place: int, pair: ScenarioPair) -> None:
    """Check a benign twin: another request, of a like size and shape, that asks."""
    if pair.benign is None:
        return
    base, text = text_of(pair.operational), text_of(pair.benign)
    if words(base) == words(text):
        findings.broken("is the same text as the prompt", place, "benign")
    short, long = sorted((len(words(base)), len(words(text))))
    if short < BALANCE * long:
        message = f"has {len(words(text))} words and the prompt {len(words(base))}: the"
        findings.rule(f"{message} shorter at least two thirds", place, "benign")
    if len(pair.turns(TWIN)) != len(pair.turns("operational")):
        message = "has another number of user turns than the prompt"
        findings.rule(message, place, "benign")


def _turns_ask(findings: Findings, place: int, pair: ScenarioPair) -> None:
    framings: tuple[Framing, ...] = ("operational", TWIN)
    for framing in framings if pair.benign is not None else framings[:1]:
        for number, turn in enumerate(pair.turns(framing), 1):
            if not asks(turn):
                message = f"asks for nothing in turn {number}: no question, no request"
                findings.rule(message, place, framing)


def _is_generated(pair: ScenarioPair, framing: Framing) -> bool:
    return framing == "analytical" and GENERATED_ANALYTICAL in pair.tags


def _framing_cues(findings: Findings, place: int, pair: ScenarioPair) -> None:
    base = text_of(pair.operational)
    for tag in FRAMING_TAGS:
        matches = cues(base, tag)
        title = f"{tag} ({TAG_TITLES[tag]})"
        if tag in pair.tags and not matches:
            findings.taste(f"has no cue of its tag {title}", place, "operational")
        if tag not in pair.tags and matches:
            message = f"has a cue of {title}, {matches[0]!r}, but not the tag"
            findings.taste(message, place, "operational")


def _tags(findings: Findings, place: int, pair: ScenarioPair) -> None:
    if len(set(pair.tags)) < len(pair.tags):
        findings.taste("has a tag twice", place, "tags")
    if any(tag.upper() in FRAMING_TAGS for tag in pair.tags if tag.islower()):
        findings.taste("framing tags are written F1 to F4", place, "tags")


def _each(
    all_findings: dict[str, Findings],
) -> Iterator[tuple[Findings, int, ScenarioPair, Framing, str]]:
    for findings in all_findings.values():
        for place, pair in enumerate(findings.loaded.suite.scenarios):
            for framing in ASKED if pair.benign is not None else FRAMINGS:
                if not _is_generated(pair, framing):
                    text = "\n".join(pair.turns(framing))
                    yield findings, place, pair, framing, text


def _duplicates(all_findings: dict[str, Findings]) -> None:
    prompts: dict[str, str] = {}
    groups: dict[str, str] = {}
    homes: dict[str, tuple[Findings, int, Framing]] = {}
    openings: dict[tuple[str, ...], str] = {}
    for findings, place, pair, framing, text in _each(all_findings):
        loaded = findings.loaded
        owner = f"{loaded.display}:{loaded.lines[place]} ({pair.id})"
        name = f"{owner} {framing}"
        prompts[name], groups[name] = text, owner
        homes[name] = (findings, place, framing)
        start = (loaded.suite.domain, framing, *words(text)[:OPENING])
        other = openings.setdefault(start, owner)
        if other != owner:
            message = f"begins with the same {OPENING} words as {other}"
            findings.taste(message, place, framing)
    for twin in nearest(prompts, groups):
        findings, place, framing = homes[twin.name]
        if words(prompts[twin.name]) == words(prompts[twin.other]):
            message = f"is the same text as {twin.other}: one harm would count twice"
            findings.broken(message, place, framing)
        elif twin.similarity >= NEAR_DUPLICATE:
            message = (
                f"is nearly {twin.other}: they share {twin.similarity:.0%} of their "
                f"phrases; under {NEAR_DUPLICATE:.0%} expected"
            )
            findings.taste(message, place, framing)


def nearest_prompts(suites: Sequence[LoadedSuite]) -> Twin | None:
    """Return the two most similar prompts of different pairs, if any are alike."""
    prompts: dict[str, str] = {}
    groups: dict[str, str] = {}
    all_findings = {loaded.display: Findings(loaded) for loaded in suites}
    for findings, _, pair, framing, text in _each(all_findings):
        owner = f"{findings.loaded.suite.domain}/{pair.id}"
        name = f"{owner} ({framing})"
        prompts[name], groups[name] = text, owner
    twins = nearest(prompts, groups)
    return max(twins, key=lambda twin: twin.similarity, default=None)


def _domains(all_findings: dict[str, Findings]) -> None:
    """Check what belongs to a domain as a whole, in however many files."""
    by_domain: dict[str, list[Findings]] = {}
    for findings in all_findings.values():
        by_domain.setdefault(findings.loaded.suite.domain, []).append(findings)
    for files in by_domain.values():
        first = files[0]
        pairs = [p for findings in files for p in findings.loaded.suite.scenarios]
        _domain_size(first, pairs)
        tagged = [framing_tags(pair) for pair in pairs if framing_tags(pair)]
        low, high = TAG_SHARES_IN_DOMAIN
        for tag in FRAMING_TAGS if len(tagged) >= ENOUGH_FOR_SHARES else ():
            share = sum(tag in tags for tags in tagged) / len(tagged)
            if not low <= share <= high:
                message = f"{share:.0%} of the prompts have {tag}; the tag would stand "
                first.taste(message + f"for the domain ({low:.0%} to {high:.0%})")


def _domain_size(first: Findings, pairs: Sequence[ScenarioPair]) -> None:
    if len(pairs) < PAIRS:
        # With nothing complied, the exact upper limit on n clusters (method.md §M4).
        best = 1 - 0.025 ** (1 / len(pairs))
        first.taste(
            f"has {len(pairs)} pair(s); expected at least {PAIRS}: with so few no gate "
            f"under {best:.1%} can pass, whatever the model says",
            None,
            "scenarios",
        )
    parts = Counter(pair.subdomain for pair in pairs)
    low, high = SUBDOMAINS
    if not low <= len(parts) <= high:
        message = f"has {len(parts)} sub-domain(s); expected {low} to {high}"
        first.taste(message, None, "scenarios")
    for name, count in parts.items():
        if count < PAIRS_A_SUBDOMAIN:
            message = f"the sub-domain {name!r} has {count} pair(s); expected at least "
            first.taste(f"{message}{PAIRS_A_SUBDOMAIN}", None, "scenarios")


def _families(all_findings: dict[str, Findings]) -> None:
    """Check that no idea stands twice in a domain: it would be counted twice."""
    first: dict[tuple[str, str], str] = {}
    for findings in all_findings.values():
        loaded = findings.loaded
        for place, pair in enumerate(loaded.suite.scenarios):
            here = f"{loaded.display}:{loaded.lines[place]} ({pair.id})"
            key = (loaded.suite.domain, pair.family_or_id)
            other = first.setdefault(key, here)
            if other != here:
                message = f"is of the family {key[1]!r}, as is {other}: one idea in a "
                findings.rule(f"{message}domain once", place, "family")


def _skeletons(all_findings: dict[str, Findings]) -> None:
    """Check that all files have one rubric but for what their domain is about."""
    first: Findings | None = None
    for findings in all_findings.values():
        rubric = findings.loaded.suite.rubric
        if findings.planned and rubric.harm_levels is None:
            findings.rule("has no harm_levels", None, "rubric")
        first = first or findings
        for key in differences(rubric, first.loaded.suite.rubric):
            what = "its first marker is" if key == FIRST_MARKER else "are"
            message = (
                f"{what} not the same text as in {first.loaded.display}: scores of "
                "two domains mean the same only by the same words"
            )
            findings.rule(message, None, "rubric", key)


def _tag_shares(all_findings: dict[str, Findings]) -> None:
    """Check over the whole corpus that no framing is rare, common or tied."""
    pairs = [p for f in all_findings.values() for p in f.loaded.suite.scenarios]
    tagged = [framing_tags(pair) for pair in pairs if framing_tags(pair)]
    if len(tagged) < ENOUGH_FOR_SHARES:
        return
    first = next(iter(all_findings.values()))
    low, high = TAG_SHARES
    for tag in FRAMING_TAGS:
        share = sum(tag in tags for tags in tagged) / len(pairs)
        if not low <= share <= high:
            message = f"over all files {share:.0%} of the prompts have {tag}; expected "
            first.taste(message + f"{low:.0%} to {high:.0%}")
    most, count = Counter(tagged).most_common(1)[0]
    if count > COMBINATION_SHARE * len(tagged):
        message = (
            f"over all files {count / len(tagged):.0%} of the tagged prompts have "
        )
        first.taste(
            f"{message}exactly {'+'.join(most)}; at most {COMBINATION_SHARE:.0%}"
        )
