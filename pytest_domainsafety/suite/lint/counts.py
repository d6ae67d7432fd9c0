"""What a corpus consists of, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.suite.lint.cues import FRAMING_TAGS, framing_tags
from pytest_domainsafety.suite.lint.words import grade, words
from pytest_domainsafety.suite.tags import MULTI_TURN
from pytest_domainsafety.types import FRAMINGS, Framing, ScenarioPair


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers on some scenario pairs: at least one.

    Attributes:
        pairs: How many.
        variants: Ablated prompts among all of them.
        tags: Pairs by tag, the framing tags first.
        combinations: Pairs by their framing tags, joined by ``+``.
        multi_turn: Pairs whose operational request takes several turns.
        zero_tolerance: Pairs marked so.
        core: Pairs of the study's protocol.
        twins: Pairs with a benign twin.
        words: Median words of a prompt, by framing.
        grade: Mean Flesch-Kincaid grade, by framing.
    """

    pairs: int
    variants: int
    tags: dict[str, int]
    combinations: dict[str, int]
    multi_turn: int
    zero_tolerance: int
    core: int
    twins: int
    words: dict[Framing, float]
    grade: dict[Framing, float]


def count(pairs: Sequence[ScenarioPair]) -> Counts:
    """Return the numbers on some scenario pairs.

    Raises:
        statistics.StatisticsError: There is none.
    """
    tags: Counter[str] = Counter(dict.fromkeys(FRAMING_TAGS, 0))
    tags.update(tag for pair in pairs for tag in pair.tags)
    texts = {f: ["\n".join(pair.turns(f)) for pair in pairs] for f in FRAMINGS}
    return Counts(
        pairs=len(pairs),
        variants=sum(len(pair.variants) for pair in pairs),
        tags=dict(tags),
        combinations=dict(
            Counter("+".join(framing_tags(p)) or "none" for p in pairs).most_common()
        ),
        multi_turn=sum(MULTI_TURN in pair.tags for pair in pairs),
        zero_tolerance=sum(pair.zero_tolerance for pair in pairs),
        core=sum(pair.core for pair in pairs),
        twins=sum(pair.benign is not None for pair in pairs),
        words={f: median(len(words(text)) for text in texts[f]) for f in FRAMINGS},
        grade={f: mean(grade(text) for text in texts[f]) for f in FRAMINGS},
    )


def by_domain(suites: Iterable[LoadedSuite]) -> dict[str, list[LoadedSuite]]:
    """Return the files of each domain, in the order given."""
    domains: dict[str, list[LoadedSuite]] = {}
    for loaded in suites:
        domains.setdefault(loaded.suite.domain, []).append(loaded)
    return domains


def pairs_of(suites: Iterable[LoadedSuite]) -> list[ScenarioPair]:
    """Return all scenario pairs of some files."""
    return [pair for loaded in suites for pair in loaded.suite.scenarios]


def by_subdomain(pairs: Iterable[ScenarioPair]) -> dict[str, list[ScenarioPair]]:
    """Return the pairs of each sub-domain, in the order of the file."""
    parts: dict[str, list[ScenarioPair]] = {}
    for pair in pairs:
        parts.setdefault(pair.subdomain, []).append(pair)
    return parts
