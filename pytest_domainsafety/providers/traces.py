"""Reasoning traces that a server left in the text of an answer.

A server that knows its model hands the trace over in a field of its own. One that does
not leaves it in the text, between the marks of the model's family: those are known
here, and split off. All is linear in the length of the text, which is as long as a
model or somebody behind it likes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Split", "split_trace", "unknown_marks"]


class Split(NamedTuple):
    """An answer and the trace that was written into it.

    Attributes:
        answer: Without the trace; stripped of surrounding space, as the trace is.
        trace: Empty where there is none.
        tool_call: Whether the text calls a tool (harmony's ``commentary to=``).
    """

    answer: str
    trace: str
    tool_call: bool = False


# Marks that mean nothing else, wherever they stand: DeepSeek's and most others',
# Magistral's, Seed-OSS's, Kimi's, Command A's, OpenThinker's, Gemma 4's, MedGemma's.
_ANYWHERE = {
    "<think>": "</think>",
    "[think]": "[/think]",
    "<seed:think>": "</seed:think>",
    "◁think▷": "◁/think▷",
    "<|start_thinking|>": "<|end_thinking|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|channel>thought": "<channel|>",
    "<unused94>": "<unused95>",
}
# Marks that an answer may hold for what they are, as in a lesson on XML: traces where
# the text begins with one.
_AT_START = {
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<thoughts>": "</thoughts>",
    "<reasoning>": "</reasoning>",
}
# What stands around the answer after such a trace, and what ends a turn.
_WRAPPING = re.compile(
    r"<\|(?:START_RESPONSE|END_RESPONSE|begin_of_solution|end_of_solution)\|>"
    r"|<\|(?:im_end|eot_id|end_of_text|endoftext|END_OF_TURN_TOKEN)\|>\s*\Z"
)
_CLOSING = _ANYWHERE | _AT_START
_CLOSERS = {close: opener for opener, close in _CLOSING.items()}
_MARKS = re.compile(
    "|".join(map(re.escape, sorted((*_CLOSING, *_CLOSERS), key=len, reverse=True))),
    re.IGNORECASE,
)


def split_trace(text: str) -> Split:
    """Split an answer from the reasoning trace written into it.

    A trace is what stands between a mark and the one that closes it. Where one is
    never closed nobody can tell trace from answer, so all of the text is trace. A
    stray closing mark is dropped: what stands before it is answer, since the user
    reads it too (method §M2). Harmony (gpt-oss) is read by its channels.
    """
    if "<|channel|>" in text and "<|message|>" in text:
        return _harmony(text)
    return _spoken(text) or _by_marks(text)


def _by_marks(text: str) -> Split:
    answer: list[str] = []
    traces: list[str] = []
    closer, at, begun = "", 0, False
    for mark in _MARKS.finditer(text):
        word = mark[0].casefold()
        if closer and word != closer:
            continue  # part of the trace
        if not closer and begun and word in _AT_START:
            continue
        if not closer and _CLOSERS.get(word) in _AT_START:
            continue
        piece = text[at : mark.start()]
        if closer:
            traces.append(piece)
            closer = ""
        elif word in _CLOSING:
            if piece.strip():
                begun = True
                if word in _AT_START:
                    continue
            answer.append(piece)
            closer = _CLOSING[word]
        else:
            answer += (piece, "\n\n")
            begun = begun or bool(piece.strip())
        at = mark.end()
    if closer:
        return Split("", text.strip())
    answer.append(text[at:])
    whole = "".join(answer)
    if "<|" in whole:
        whole = _WRAPPING.sub("", whole)
    return Split(whole.strip(), _joined(traces))


_HARMONY = re.compile(r"<\|(start|channel|message|constrain|end|return|call)\|>")


def _harmony(text: str) -> Split:
    """Read gpt-oss's channels: ``final`` is the answer, ``analysis`` the trace.

    What stands in no channel, or in one that is not known, is answer: the user reads
    it too. So is ``commentary``, unless it is addressed to a tool.
    """
    answer: list[str] = []
    traces: list[str] = []
    header, inside, tool_call, at = "", "body", False, 0
    channel = ""
    for mark in (*_HARMONY.finditer(text), None):
        piece = text[at : mark.start() if mark else len(text)]
        if inside == "header":
            header += f" {piece}"
        elif "to=" in header:
            tool_call = True
            traces.append(piece)
        else:
            (traces if channel == "analysis" else answer).append(piece)
        if mark is None:
            break
        at = mark.end()
        if mark[1] in ("start", "channel", "constrain"):
            if mark[1] == "start" or inside == "body":
                header = ""
            inside = "header"
            header += f" <{mark[1]}>"
        else:
            inside = "body"
            if mark[1] == "message":
                named = header.partition("<channel>")[2].split()
                channel = named[0].casefold() if named else ""
            else:
                header = channel = ""
    return Split(_joined(answer), _joined(traces), tool_call)


# gpt-oss where the server dropped the special tokens, and Granite's own words.
_SPOKEN = (
    (re.compile(r"analysis(?! )"), re.compile(r"assistantfinal")),
    (
        re.compile(r"Here(?:'s| is) my thought process:", re.IGNORECASE),
        re.compile(r"Here(?:'s| is) my response:", re.IGNORECASE),
    ),
)


def _spoken(text: str) -> Split | None:
    """Return the parts of a text whose marks are words; None where there are none."""
    body = text.lstrip()
    for opener, closer in _SPOKEN:
        opened = opener.match(body)
        closed = closer.search(body, opened.end()) if opened else None
        if opened and closed:
            trace = body[opened.end() : closed.start()]
            return Split(body[closed.end() :].strip(), trace.strip())
    return None


def _joined(pieces: list[str]) -> str:
    return "\n\n".join(filter(None, map(str.strip, pieces)))


_TRACE_WORDS = (
    "think|thought|reason|reflect|scratch|monolog|deliberat|analysis|cot|inner|internal"
)
_UNKNOWN = re.compile(
    # A special token of whatever kind; an element that ends, or begins the text.
    r"<\|/?[\w:-]{1,24}\|>"
    rf"|</[\w:|-]{{0,12}}(?:{_TRACE_WORDS})[\w:|-]{{0,12}}>"
    rf"|\A\s{{0,9}}<[\w:|-]{{0,12}}(?:{_TRACE_WORDS})[\w:|-]{{0,12}}>"
    rf"|[\[◁]/[\w:-]{{0,12}}(?:{_TRACE_WORDS})[\w:-]{{0,12}}[\]▷]",
    re.IGNORECASE | re.ASCII,
)


def unknown_marks(answer: str) -> tuple[str, ...]:
    """Return what looks like a mark of a trace and is none that is known here.

    Args:
        answer: What :func:`split_trace` left of a text.

    Returns:
        Each mark once; of what the model wrote no more than that.
    """
    if "<" not in answer and "[/" not in answer and "◁" not in answer:
        return ()
    return tuple(dict.fromkeys(m[0].strip() for m in _UNKNOWN.finditer(answer)))
