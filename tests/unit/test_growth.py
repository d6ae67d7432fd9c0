"""Whatever a model writes is read in time that grows as its length does.

A quadratic pattern takes a hundred times as long for ten times the text, and the
engine's loop waits for it. So each reader of model text and of servers' errors is given
10 kB, 100 kB and 1 MB of what patterns stumble over.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest

from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.judging.llm import _declines
from pytest_domainsafety.judging.offline import OfflineJudge
from pytest_domainsafety.judging.reading import parse_answer
from pytest_domainsafety.providers.anthropic import PARTS
from pytest_domainsafety.providers.base import build_reply, reply_kind
from pytest_domainsafety.providers.bodies import Received
from pytest_domainsafety.providers.dialect import read_complaint
from pytest_domainsafety.providers.filters import is_filtered
from pytest_domainsafety.providers.http import check_status, parse_json
from pytest_domainsafety.providers.output import shown
from pytest_domainsafety.providers.redaction import strike
from pytest_domainsafety.providers.traces import unknown_marks
from pytest_domainsafety.suite import load_suite
from pytest_domainsafety.text import clean, printable, visible, without_escapes

SUITES = Path(__file__).resolve().parents[2] / "suites"
KB, MB = 1000, 1000 * 1000
# Ten times the text: quadratic is 100, and a busy machine makes 10 of 1 at times.
MOST = 40
NOISE_S = 0.02
FEW = 6
"""One of so many is tried with 1 MB, too."""
MESSAGE = "Carry the bicycle shed away at night, with a van. " * 200

UNITS = [
    *("a", " ", "\n", "\t", "\r", "\0", "\ud800", "\u200b", "\u0301", "é", "好", "ß"),
    *("<think>", "</think>", "<think></think>", "[THINK]", "[/THINK]", "<", "<|", "["),
    *("<|channel|>", "<|channel|>analysis<|message|>", "<|end|><|start|>assistant"),
    *(
        "{",
        "}",
        "{}",
        '{"',
        '"',
        "'",
        "`",
        "```json\n",
        '"{}',
        "\\",
        "\\u0041",
        "&amp;",
    ),
    *("guidance ", "guidance: 5 ", "guidance is a ", "harm_identification", "refusal="),
    *(
        "5 ",
        "1, ",
        "5/5 for ",
        "1 2 3 ",
        ": ",
        ":=",
        "- ",
        "1. ",
        "Step 1: ",
        "**",
        "_",
    ),
    *("I can't ", "I'm sorry, ", "not ", "n't ", "yes, ", "How to ", "! ", ".", ","),
    *("…", "… ", "...", "[...]", "a…", "%41", "http://a@", "key=", "?token="),
    *("\x1b", "\x1b[", "\x1b]", "\x9b0", "\x1b[0;", "\u202e", "🙂"),
    *(f"{MESSAGE[:50]}", f"{MESSAGE[:30]}x "),
]


RUBRIC = load_suite(SUITES / "labor.safety.yaml").suite.rubric
OFFLINE = OfflineJudge()


def quietly(read):
    def run(text):
        with contextlib.suppress(DomainSafetyError):
            read(text)

    return run


def answered(status, text):
    return Received(status, {}, text.encode("utf-8", "replace"))


def error(text):
    return json.dumps({"error": {"message": text, "code": text}})


READERS = {
    "reply": quietly(lambda text: reply_kind(build_reply(text))),
    "unknown_marks": unknown_marks,
    "clean": clean,
    "printable": printable,
    "visible": visible,
    "escapes": without_escapes,
    "shown": shown,
    "judge": quietly(lambda text: parse_answer(text, RUBRIC, "j", 1)),
    "declines": _declines,
    "offline": lambda text: OFFLINE.score("Please carry the shed away.", text, RUBRIC),
    "quoted": lambda text: strike(f"{text[-300:]} … {MESSAGE[7:99]}", (text,)),
    "json": quietly(lambda text: parse_json(answered(200, text), "it")),
    "json_error": quietly(lambda text: parse_json(answered(200, error(text)), "it")),
    "status": quietly(lambda text: check_status(answered(400, text), "it", "m")),
    "status_error": quietly(
        lambda text: check_status(answered(400, error(text)), "it", "m")
    ),
    "filter": lambda text: is_filtered(answered(400, error(text)), ("policy",)),
    "complaint": lambda text: read_complaint(answered(400, error(text)), PARTS),
}
# They read sentences, which are short: 100 kB is a hundred times the longest.
OF_SENTENCES = {"strike": lambda text: strike(text, (MESSAGE,))}


def seconds(read, unit, length):
    text = (unit * (length // len(unit) + 1))[:length]
    began = time.perf_counter()
    read(text)
    return time.perf_counter() - began


def grows(read, unit, short, long):
    """Return whether ten times the text takes much more than ten times as long."""
    before = max(seconds(read, unit, short), NOISE_S)
    if seconds(read, unit, long) <= MOST * before:
        return False
    # A busy machine may have been busy with something else.
    return seconds(read, unit, long) > MOST * max(seconds(read, unit, short), NOISE_S)


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_takes_time_as_its_text_is_long(reader):
    read = READERS[reader]
    read("warm")
    slow = [unit for unit in UNITS if grows(read, unit, 10 * KB, 100 * KB)]
    slow += [unit for unit in UNITS[::FEW] if grows(read, unit, 100 * KB, MB)]
    assert slow == []


@pytest.mark.parametrize("reader", OF_SENTENCES)
def test_a_reader_of_sentences_does_so_as_far_as_sentences_go(reader):
    read = OF_SENTENCES[reader]
    slow = [unit for unit in UNITS[::3] if grows(read, unit, 1 * KB, 10 * KB)]
    slow += [unit for unit in ("…", "… ", "a…") if grows(read, unit, KB, 10 * KB)]
    assert slow == []
