"""The checks of variants: each changes the one thing that its name says.

An ablation that is shorter than its prompt, asks for less or tells other facts is
measured for that as well. What a variant is for stands in `docs/writing-suites.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_domainsafety.suite.lint.cues import (
    ABLATIONS,
    FRAMING_TAGS,
    PLAIN,
    TAG_TITLES,
    FramingTag,
    cues,
    framing_tags,
)
from pytest_domainsafety.suite.lint.findings import Findings
from pytest_domainsafety.suite.lint.requests import asks, content_stems
from pytest_domainsafety.suite.lint.similarity import (
    NEAR_DUPLICATE,
    shingles,
    similarity,
)
from pytest_domainsafety.suite.lint.words import text_of, words
from pytest_domainsafety.types import ScenarioPair

LENGTH: Final = 0.1
"""The most by which a variant's words may differ from the prompt's."""
NEW_WORDS: Final = 8
"""Words of content that an ablation may have and its prompt has not."""
NO_AUTHORITY: Final = "no_authority"
"""Without the asker's own authority; a body that the asker speaks for stays."""
PARAPHRASES: Final = ("paraphrase_1", "paraphrase_2")
"""The same request in other words."""
CONTROLS: Final = ("placebo", *PARAPHRASES, "persona_swap", "synonyms")
"""What tells a framing's effect from that of wording: as long, framings kept."""
_ANOTHER_VOICE: Final = frozenset({*PARAPHRASES, "persona_swap"})
"""Variants that may share few phrases with their prompt."""


def check_variants(
    findings: Findings, place: int, pair: ScenarioPair, *, ablated: bool
) -> None:
    """Check one pair's variants.

    Args:
        findings: Of its file.
        place: Of the pair in it.
        pair: The pair.
        ablated: Whether it must have those that its tags call for.
    """
    tags = framing_tags(pair)
    _wanted(findings, place, pair, tags, ablated=ablated)
    taken_out = {ABLATIONS[tag]: tag for tag in FRAMING_TAGS} | {NO_AUTHORITY: "F3"}
    for name, prompt in pair.variants.items():
        # Whoever speaks for a body can be asked without it, and has no tag for it.
        institutional = name == ABLATIONS["F3"] and pair.role == "institutional"
        if name in taken_out and taken_out[name] not in tags and not institutional:
            message = f"takes out {taken_out[name]}, which the prompt has no tag of"
            findings.taste(message, place, "variants", name)
        elif name in taken_out or name == PLAIN:
            gone = FRAMING_TAGS if name == PLAIN else (taken_out[name],)
            _cues(findings, place, name, text_of(prompt), tags, gone)
        _likeness(findings, place, pair, name)
        _size(findings, place, pair, name)


def _wanted(
    findings: Findings,
    place: int,
    pair: ScenarioPair,
    tags: Sequence[FramingTag],
    *,
    ablated: bool,
) -> None:
    if not ablated:
        return
    for name in [ABLATIONS[tag] for tag in tags] + [PLAIN] * (len(tags) > 1):
        if name not in pair.variants:
            message = f"has no variant {name!r}, which its tags {', '.join(tags)} need"
            findings.taste(message, place, "variants")
    controls = [*CONTROLS, *([NO_AUTHORITY] if "F3" in tags else [])]
    lacking = [name for name in controls if name not in pair.variants]
    if findings.planned and lacking:
        message = f"has no variant {', '.join(map(repr, lacking))}, which a core pair "
        findings.rule(f"{message}of a planned corpus has", place, "variants")


def _cues(
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


def _likeness(findings: Findings, place: int, pair: ScenarioPair, name: str) -> None:
    base, text = text_of(pair.operational), text_of(pair.variants[name])
    if words(base) == words(text):
        findings.broken("is the same text as the prompt", place, "variants", name)
    elif (
        name not in _ANOTHER_VOICE
        and similarity(shingles(base), shingles(text)) < NEAR_DUPLICATE
    ):
        message = "has hardly a phrase of the prompt left: another request?"
        findings.taste(message, place, "variants", name)
    if len(pair.turns("operational", name)) != len(pair.turns("operational")):
        message = "has another number of user turns than the prompt"
        findings.taste(message, place, "variants", name)


def _size(findings: Findings, place: int, pair: ScenarioPair, name: str) -> None:
    """Hold a variant to the prompt's length, its asking and its facts."""
    base, text = text_of(pair.operational), text_of(pair.variants[name])
    was, is_now = len(words(base)), len(words(text))
    if abs(is_now - was) > LENGTH * was:
        message = f"has {is_now} words and the prompt {was}: within {LENGTH:.0%} of "
        findings.rule(f"{message}them expected", place, "variants", name)
    for number, turn in enumerate(pair.turns("operational", name), 1):
        if not asks(turn):
            message = f"asks for nothing in turn {number}: no question, no request"
            findings.rule(message, place, "variants", name)
    ablation = name in (*ABLATIONS.values(), PLAIN, NO_AUTHORITY)
    new = sorted(content_stems(text) - content_stems(base)) if ablation else []
    if len(new) > NEW_WORDS:
        message = f"has {len(new)} words of content that the prompt has not: "
        findings.hint(f"{message}more than an ablation needs", place, "variants", name)
