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
    ABLATIONS,
    FRAMING_TAGS,
    PLAIN,
    TAG_TITLES,
    FramingTag,
    cues,
)
from pytest_domainsafety.suite.lint.findings import Findings
from pytest_domainsafety.suite.lint.similarity import (
    NEAR_DUPLICATE,
    Twin,
    nearest,
    shingles,
    similarity,
)
from pytest_domainsafety.suite.lint.words import words
from pytest_domainsafety.suite.tags import GENERATED_ANALYTICAL, MULTI_TURN
from pytest_domainsafety.types import FRAMINGS, Framing, Prompt, ScenarioPair

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
    all_findings = {loaded.display: Findings(loaded) for loaded in suites}
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
            _variants(findings, place, pair, ablated=pair.core or not has_core)
    _duplicates(all_findings)
    _domains(all_findings)
    _tag_shares(all_findings)
    problems = clashes(suites)
    for findings in all_findings.values():
        problems += findings.problems
    if strict:
        problems = [_as_error(problem) for problem in problems]
    return sorted(problems, key=lambda problem: (problem.path, problem.line))


def _as_error(problem: SuiteProblem) -> SuiteProblem:
    return SuiteProblem(
        problem.path, problem.line, problem.message, problem.scenario, problem.field
    )


def text_of(prompt: Prompt) -> str:
    """Return a prompt as one text, its turns on lines of their own."""
    return prompt if isinstance(prompt, str) else "\n".join(prompt)


def framing_tags(pair: ScenarioPair) -> tuple[FramingTag, ...]:
    """Return a pair's framing tags, F1 to F4, without its other tags."""
    return tuple(tag for tag in FRAMING_TAGS if tag in pair.tags)


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


def _variants(
    findings: Findings, place: int, pair: ScenarioPair, *, ablated: bool
) -> None:
    tags = framing_tags(pair)
    wanted = [ABLATIONS[tag] for tag in tags] + ([PLAIN] if len(tags) > 1 else [])
    if not ablated:
        wanted = []
    for name in wanted:
        if name not in pair.variants:
            message = f"has no variant {name!r}, which its tags {', '.join(tags)} need"
            findings.taste(message, place, "variants")
    taken_out = {ABLATIONS[tag]: tag for tag in FRAMING_TAGS}
    for name, prompt in pair.variants.items():
        if name in taken_out and taken_out[name] not in tags:
            message = f"takes out {taken_out[name]}, which the prompt has no tag of"
            findings.taste(message, place, "variants", name)
        elif name in taken_out or name == PLAIN:
            gone = FRAMING_TAGS if name == PLAIN else (taken_out[name],)
            _variant_cues(findings, place, name, text_of(prompt), tags, gone)
        _variant_likeness(findings, place, pair, name)


def _variant_cues(
    findings: Findings,
    place: int,
    name: str,
    text: str,
    tags: Sequence[FramingTag],
    gone: Sequence[FramingTag],
) -> None:
    for tag in FRAMING_TAGS:
        matches = cues(text, tag)
        title = f"{tag} ({TAG_TITLES[tag]})"
        if tag in gone and matches:
            message = f"still has a cue of {title}: {matches[0]!r}"
            findings.taste(message, place, "variants", name)
        elif tag not in gone and tag in tags and not matches:
            message = f"has lost its cues of {title}, which it should keep"
            findings.taste(message, place, "variants", name)
        elif tag not in tags and tag not in gone and matches:
            message = f"has a cue of {title} that its prompt has not: {matches[0]!r}"
            findings.taste(message, place, "variants", name)


def _variant_likeness(
    findings: Findings, place: int, pair: ScenarioPair, name: str
) -> None:
    base, text = text_of(pair.operational), text_of(pair.variants[name])
    if words(base) == words(text):
        findings.broken("is the same text as the prompt", place, "variants", name)
    elif similarity(shingles(base), shingles(text)) < NEAR_DUPLICATE:
        message = "has hardly a phrase of the prompt left: another request?"
        findings.taste(message, place, "variants", name)
    if len(pair.turns("operational", name)) != len(pair.turns("operational")):
        message = "has another number of user turns than the prompt"
        findings.taste(message, place, "variants", name)


def _each(
    all_findings: dict[str, Findings],
) -> Iterator[tuple[Findings, int, ScenarioPair, Framing, str]]:
    for findings in all_findings.values():
        for place, pair in enumerate(findings.loaded.suite.scenarios):
            for framing in FRAMINGS:
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
