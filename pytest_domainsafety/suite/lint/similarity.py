"""Near-duplicates among prompts, by the word shingles that they share."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from pytest_domainsafety.suite.lint.words import words

SHINGLE = 3
"""Words a shingle."""
NEAR_DUPLICATE = 0.15
"""Jaccard similarity from which two prompts count as near-duplicates.

Measured on the first three domains of our corpus (`domainsafety validate`
prints the nearest pair): prompts about different harms, written apart, share at
most 0.04; the two framings of one harm, which tell the same facts in other
words, at most 0.13; one request reworded (a prompt and its `plain` variant) at
least 0.27. The limit stands between the last two.
"""

# Of how many prompts a shingle remembers, and how many candidates are compared
# in full: bounds the time on a corpus made from one template.
_POSTINGS = 50
_CANDIDATES = 10


class Twin(NamedTuple):
    """A prompt and the earlier one that it resembles most."""

    name: str
    other: str
    similarity: float


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Return the distinct runs of three words in a text."""
    tokens = words(text)
    last = max(1, len(tokens) - SHINGLE + 1)
    return frozenset(tuple(tokens[i : i + SHINGLE]) for i in range(last))


def similarity(
    first: frozenset[tuple[str, ...]], second: frozenset[tuple[str, ...]]
) -> float:
    """Return the Jaccard similarity of two sets of shingles (Broder 1997)."""
    return len(first & second) / len(first | second)


def nearest(
    prompts: Mapping[str, str], groups: Mapping[str, str] | None = None
) -> Iterator[Twin]:
    """Yield for each prompt the most similar one before it, where there is any.

    Time grows with the text, not with the square of the prompts: candidates
    come from an index of shingles that keeps the last prompts of each.

    Args:
        prompts: Text by name, in the order of the corpus.
        groups: Prompts of one group (the two framings of a pair) are not
            compared; a prompt without a group is its own.
    """
    group = groups or {}
    index: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    seen: dict[str, frozenset[tuple[str, ...]]] = {}
    for name, text in prompts.items():
        own = shingles(text)
        near = _candidates(own, index)
        best = max(
            (
                Twin(name, other, similarity(own, seen[other]))
                for other in near
                if group.get(other, other) != group.get(name, name)
            ),
            key=lambda twin: twin.similarity,
            default=None,
        )
        if best:
            yield best
        seen[name] = own
        for shingle in own:
            index[shingle].append(name)


def _candidates(
    own: Iterable[tuple[str, ...]], index: Mapping[tuple[str, ...], list[str]]
) -> list[str]:
    shared = Counter(
        name
        for shingle in own
        if shingle in index
        for name in index[shingle][-_POSTINGS:]
    )
    return [name for name, _ in shared.most_common(_CANDIDATES)]
