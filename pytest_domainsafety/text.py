"""Cleaning of model text at the door, canonical JSON, and hashes.

A reply is untrusted bytes. It is cleaned once, where a provider takes it in,
so that every later room (SQLite, xdist's transport, XML, JSON, a page) may
rely on plain, encodable text. What can still do harm at one particular exit
(markup, terminal escapes, formulas) is escaped at that exit.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

# Lone surrogates break UTF-8; C0, DEL and C1 move cursors and break XML;
# U+FFFE and U+FFFF are not characters. Tab, newline and return are text.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Marks that reorder or hide what a reader sees.
_DECEPTIVE = re.compile(
    "[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_REPLACEMENT = "\ufffd"
# What a CI system's log takes for an order: GitHub's where a line begins, which a
# wrapped line may do at any blank, and those of Azure Pipelines, TeamCity and GitHub's
# older ones anywhere in a line.
_ORDER = re.compile(
    r"(?<!\S)::"
    r"|::(?=(?:add-(?:mask|matcher|path)|debug|echo|end-?group|error|group|notice|"
    r"remove-matcher|save-state|set-(?:env|output)|stop-commands|warning)(?![\w-]))"
    r"|##(?=(?:vso|teamcity)?\[)",
    re.IGNORECASE,
)
# Of a text of megabytes only so many lines' worth is looked at for one line.
_ENOUGH = 20


def plural(count: int, singular: str, many: str = "") -> str:
    """Return the word that goes with a count: ``many``, else ``singular`` with an s."""
    return singular if count == 1 else many or f"{singular}s"


def counted(count: int, singular: str, many: str = "") -> str:
    """Return a count with its word: ``1 pair``, ``2 pairs``."""
    return f"{count} {plural(count, singular, many)}"


def clean(text: str) -> tuple[str, bool]:
    """Replace what no later room can carry.

    Args:
        text: Any Python string, lone surrogates and control characters included.

    Returns:
        The text with each unsafe code point replaced by U+FFFD, and whether
        anything was replaced.
    """
    cleaned, count = _UNSAFE.subn(_REPLACEMENT, text)
    return cleaned, count > 0


def printable(text: str, limit: int = 200) -> str:
    """Return one line that is safe on a terminal and in a log, for names and messages.

    Line breaks become spaces; control and bidirectional characters become
    U+FFFD; anything longer than `limit` characters ends in an ellipsis.
    """
    text = text[: limit * _ENOUGH]
    line = " ".join(_DECEPTIVE.sub(_REPLACEMENT, clean(text)[0]).split())
    line = without_orders(line)
    return line if len(line) <= limit else line[: limit - 1] + "…"


def visible(text: str) -> str:
    """Return text of any length that no terminal acts on, its lines and spaces kept.

    Line breaks and tabs are text; returns, control and bidirectional characters
    become U+FFFD.
    """
    plain = clean(text)[0].replace("\r", _REPLACEMENT)
    return without_orders(_DECEPTIVE.sub(_REPLACEMENT, plain))


def without_orders(text: str) -> str:
    """Return text of which no CI system takes a line for an order to itself.

    The two characters that begin one are written apart: ``: :set-output``.
    """
    return _ORDER.sub(lambda match: " ".join(match.group()), text)


# Control sequences (CSI), strings for the terminal (OSC and its kin) up to their end
# on the same line, and what is left of both: the terminal's part of a program's text.
_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|\x1b[]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\\\)?"
    "|\x1b[ -/]*[0-~]"
)


def without_escapes(text: str) -> str:
    """Return a program's text without colours and other commands to a terminal."""
    return _ESCAPES.sub("", text) if "\x1b" in text or "\x9b" in text else text


def canonical_json(value: Any) -> str:
    """Return the one JSON spelling of a value: sorted, compact, no NaN.

    Raises:
        ValueError: The value holds NaN or an infinity.
        TypeError: The value holds something that JSON has no word for.
    """
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )


def fingerprint(kind: str, value: Any) -> str:
    """Return the hash by which a thing is known.

    Args:
        kind: What is hashed (``prompt``, ``reply``, ``request`` …); the same
            value under another kind has another hash.
        value: Anything :func:`canonical_json` takes.

    Returns:
        64 hexadecimal digits of SHA-256.
    """
    data = f"{kind}\0{canonical_json(value)}".encode()
    return hashlib.sha256(data).hexdigest()
