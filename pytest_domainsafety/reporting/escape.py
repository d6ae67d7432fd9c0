"""Text at the exits: names and messages, each in the spelling of its format.

Text is cleaned where it enters (`text.py`); but names come from command lines
and from other people's files, so every exit escapes for itself.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pytest_domainsafety.text import clean, printable

# What a viewer acts on: C1 controls, marks that reorder or hide, line separators.
_ACTIVE = re.compile(
    "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
# Also what GitHub makes links of by itself.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~@$]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
# The last four are the full-width forms of = + - @.
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)
_MOST = 1_000


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """Return JSON that any parser reads and no terminal acts on.

    Lone surrogates, which are no text, become U+FFFD; controls and marks that
    reorder text are written as escapes, so nothing else is lost.

    Raises:
        ValueError: The value holds NaN or an infinity.
    """
    text = json.dumps(
        _without_surrogates(value), indent=indent, ensure_ascii=False, allow_nan=False
    )
    # A log that shows it takes `##[` for an order (`text.without_orders`).
    return _ACTIVE.sub(_as_json, text).replace("##", "#\\u0023")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {
            _without_surrogates(key): _without_surrogates(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_surrogates(inner) for inner in value]
    return value


def _as_json(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]


def markdown(text: str, limit: int = _MOST) -> str:
    """Return one line of Markdown that shows the text and means nothing else.

    Punctuation that means something is written with a backslash; markup as
    entities, since some renderers let HTML through.
    """
    line = printable(text, limit).replace("&", "&amp;")
    line = line.replace("<", "&lt;").replace(">", "&gt;")
    kept = re.split(r"(&(?:amp|lt|gt);)", line)
    return "".join(
        part if part.startswith("&") else _MARKDOWN.sub(r"\\\1", part) for part in kept
    )


def xml(text: str, limit: int = _MOST) -> str:
    """Return one line that XML 1.0 can hold; markup is the writer's to escape."""
    return printable(text, limit)


def cell(text: str) -> str:
    """Return a spreadsheet cell that is text, whatever it begins with.

    A cell that a spreadsheet would compute gets an apostrophe before it (OWASP,
    CSV injection).
    """
    cleaned = clean(text)[0]
    return f"'{cleaned}" if cleaned.lstrip(" ").startswith(_FORMULA) else cleaned


def workflow(text: str, *, value: bool = False, limit: int = _MOST) -> str:
    """Return text for a GitHub workflow command.

    Args:
        text: The message, or the value of a property.
        value: Whether it is a property's value, where commas and colons count.
        limit: Characters at most.
    """
    line = printable(text, limit).replace("%", "%25")
    line = line.replace("\r", "%0D").replace("\n", "%0A")
    return line.replace(":", "%3A").replace(",", "%2C") if value else line
