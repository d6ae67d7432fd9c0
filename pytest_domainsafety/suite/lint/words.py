"""Words, sentences and a readability figure of a prompt."""

from __future__ import annotations

import re

from pytest_domainsafety.types import Prompt

_WORD = re.compile(r"\w[\w'\u2019]*")
_SENTENCE_END = re.compile(r"[.!?:;]+(?=\s|$)")
_VOWELS = re.compile(r"[aeiouy]+")
# A final e ("made", not "little"), and that of -ed and -es ("walked", "rules").
_SILENT_E = re.compile(
    r"(?<![aeiouy])(?<![^aeiouy]l)e$|(?<=[^dt])ed$|(?<=[^aeiouysxzcgh])es$"
)


def text_of(prompt: Prompt) -> str:
    """Return a prompt as one text, its turns on lines of their own."""
    return prompt if isinstance(prompt, str) else "\n".join(prompt)


def words(text: str) -> list[str]:
    """Return the words of a text, lower-cased; a hyphen separates two."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))


def syllables(word: str) -> int:
    """Return how many syllables an English word has, by its groups of vowels.

    A silent e at the end does not count. At least one.
    """
    groups = len(_VOWELS.findall(word))
    silent = 1 if groups > 1 and _SILENT_E.search(word) else 0
    return max(1, groups - silent)


def grade(text: str) -> float:
    """Return the Flesch-Kincaid grade level of a text.

    Years of American school that reading it takes:
    0.39 words/sentence + 11.8 syllables/word - 15.59
    (Kincaid, Fishburne, Rogers and Chissom 1975). Negative for very plain text;
    0 for a text without words.
    """
    tokens = words(text)
    if not tokens:
        return 0.0
    sentences = max(1, len(_SENTENCE_END.findall(text)))
    syllable_count = sum(map(syllables, tokens))
    return 0.39 * len(tokens) / sentences + 11.8 * syllable_count / len(tokens) - 15.59
