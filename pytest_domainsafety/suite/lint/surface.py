"""The surface of a prompt in numbers: how it is written, and nothing of what it says.

What these numbers can tell of a prompt (which framing, which group of domains), a
model can react to as well, without any understanding. `benchmarks/confounds.py` says
how much they tell, and a test holds it under a limit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from pytest_domainsafety.suite.lint.requests import has_list
from pytest_domainsafety.suite.lint.words import grade, words

_SENTENCES = re.compile(r"[.!?]+(?=\s|$)")
_MARKS: Final[Mapping[str, str]] = {
    "question marks": r"\?",
    "exclamation marks": "!",
    "commas": ",",
    "semicolons": ";",
    "colons": ":",
    "dashes": "\u2013|\u2014| - ",
    "hyphens": r"\w-\w",
    "quotation marks": '["\u201c\u201d]',
    "brackets": r"[()\[\]]",
    "digits": r"\d",
    "contractions": r"\w['\u2019]\w",
    "line breaks": r"\n",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _MARKS.items()}
FUNCTION_WORDS: Final = tuple(
    """
    a about after again all also am an and any are as at be because been before being
    but by can could did do does down each else even ever every few for from had has
    have he her here him his how i if in into is it its just like may me might more
    most must my never no nobody none nor not nothing now of off on once one only or
    other our out over own please same shall she should since so some still such than
    that the their them then there these they this those though through to too under
    until up us very was we well were what when where whether which while who whom
    whose why will with without would yet you your
    """.split()  # noqa: SIM905
)
"""Words that stand in any text, whatever it is about."""


def form(text: str) -> dict[str, float]:
    """Return lengths, punctuation and reading grade of a text.

    Args:
        text: A prompt; several turns joined by line breaks.

    Returns:
        Name → number: words, sentences, words a sentence, letters a word, distinct
        words of all, grade, whether it is a list, and each mark a hundred words.
    """
    tokens = words(text)
    count = max(1, len(tokens))
    sentences = max(1, len(_SENTENCES.findall(text)))
    lengths = {
        "words": float(len(tokens)),
        "sentences": float(sentences),
        "words a sentence": len(tokens) / sentences,
        "letters a word": sum(map(len, tokens)) / count,
        "distinct words": len(set(tokens)) / count,
        "grade": grade(text),
        "list": float(has_list(text)),
    }
    marks = {
        name: 100 * len(pattern.findall(text)) / count
        for name, pattern in _PATTERNS.items()
    }
    return lengths | marks


def function_words(text: str) -> dict[str, float]:
    """Return how often each function word comes, a hundred words."""
    tokens = words(text)
    counts = Counter(tokens)
    return {word: 100 * counts[word] / max(1, len(tokens)) for word in FUNCTION_WORDS}
