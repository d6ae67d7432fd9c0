"""What a message holds: text, or parts of which some are text and some a trace."""

from __future__ import annotations

from typing import Any, NamedTuple

from pytest_domainsafety.errors import BadAnswer
from pytest_domainsafety.text import printable

__all__ = ["Content", "read_content", "read_trace"]


class Content(NamedTuple):
    """A message's content.

    Attributes:
        text: What the user reads.
        trace: What the model thought.
        tool_call: Whether a part calls a tool.
    """

    text: str = ""
    trace: str = ""
    tool_call: bool = False


_TRACES = ("thinking", "reasoning", "thought", "summary_text")
# Of a part that has no words of its own: a trace that is kept secret, a footnote.
_SILENT = ("redacted_thinking", "reference", "citation", "compaction")


def read_content(content: Any, source: str) -> Content:
    """Read a message's content, which may be text, a part or parts.

    Args:
        content: As it came: text, an object, a list of both, or null.
        source: Who sent it, as it shall stand in a message.

    Raises:
        BadAnswer: A part is neither text nor a trace: the user gets what no judge
            would see.
    """
    if content is None:
        return Content()
    if isinstance(content, str):
        return Content(content)
    parts = content if isinstance(content, list) else [content]
    texts: list[str] = []
    traces: list[str] = []
    tool_call = False
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = str(part.get("type") or "text") if isinstance(part, dict) else "?"
        if "tool_use" in kind or "tool_call" in kind or "function_call" in kind:
            tool_call = True
        elif kind.startswith(_TRACES):
            traces.append(read_trace(part))
        elif kind not in _SILENT:
            texts.append(_text_of(part, source, kind))
    return Content("".join(texts), "\n\n".join(filter(None, traces)), tool_call)


def _text_of(part: Any, source: str, kind: str) -> str:
    value = None
    if isinstance(part, dict):
        value = part.get("refusal") if kind == "refusal" else part.get("text")
        if isinstance(value, dict):  # the assistants' {"text": {"value": …}}
            value = value.get("value")
    if not isinstance(value, str):
        raise BadAnswer(
            f"{source} sent a message that is not text "
            f"(a part of type {printable(kind, 40)!r})."
        )
    return value


def read_trace(value: Any, depth: int = 0) -> str:
    """Return the words of a trace in whatever shape; '' where there are none."""
    if isinstance(value, str):
        return value
    if depth > 4:  # a part, its list, their parts
        return ""
    if isinstance(value, list):
        found = (read_trace(item, depth + 1) for item in value)
        return "\n\n".join(filter(None, found))
    if isinstance(value, dict):
        for key in ("thinking", "reasoning", "text", "summary", "content"):
            if words := read_trace(value.get(key), depth + 1):
                return words
    return ""
