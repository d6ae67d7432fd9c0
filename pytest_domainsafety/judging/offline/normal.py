"""Text as the offline judge reads it: capped, folded, without labels.

All of it is deterministic and linear in the text. Nothing here is shown to
anybody, so a lossy fold is fine: the reply itself stays as it came.
"""

from __future__ import annotations

import re
import string
import unicodedata

HEAD_CHARS = 3000
TAIL_CHARS = 1000
WINDOW_CHARS = 2000
OVERLAP_CHARS = 1000
"""A text longer than head and tail is read at its beginning and its end together, as
the judge was fitted, and then in overlapping windows: help drowns in a long one."""

_INVISIBLE = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0f\ufeff]"
)
_LETTERS = string.ascii_letters.encode()
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")

# Cyrillic and Greek letters that look like Latin ones, and typographic marks.
_FOLD = str.maketrans(
    "авеікмнорстухѕјһԁԛԝᴀοαερικτυνχ’‘‛`´“”„«»–—−…",
    "abeikmhopctyxsjhdqwaoaepiktuvx'''''\"\"\"\"\"---.",
)


def head_and_tail(text: str) -> str:
    """Return a text, or of a longer one its beginning and its end."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    return f"{text[:HEAD_CHARS]}\n{text[-TAIL_CHARS:]}"


def windows(text: str, most: int) -> list[str]:
    """Return what is read of a text: its head and tail, then its windows in order.

    Every stretch of `OVERLAP_CHARS` characters stands whole in one of them, up to
    the `most` characters that windows are made of.
    """
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return [text]
    end = min(len(text), most)
    starts = range(0, end - OVERLAP_CHARS, WINDOW_CHARS - OVERLAP_CHARS)
    inner = (text[at : min(at + WINDOW_CHARS, end)] for at in starts)
    return [head_and_tail(text), *inner]


def normalise(text: str) -> str:
    """Return the lower-cased, folded text with single blanks and line breaks.

    Compatibility forms (NFKC) and look-alike letters are folded to Latin
    where the text is mostly Latin; text that is really Cyrillic or Greek
    keeps its letters. Invisible and bidirectional marks are dropped.
    """
    if not text.isascii():
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).lower()
        if _mostly_latin(text):
            text = text.translate(_FOLD)
    else:
        text = text.lower().replace("`", "'")
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(filter(None, lines))


def _mostly_latin(text: str) -> bool:
    """Whether at least half of the letters are ASCII ones."""
    common = sum(map(text.count, "etaoinshrdlu"))
    ascii_part = text.encode("ascii", "ignore")
    letters = len(ascii_part) - len(ascii_part.translate(None, _LETTERS))
    letters += sum(map(str.isalpha, _BEYOND_ASCII.findall(text)))
    return 3 * common >= letters
