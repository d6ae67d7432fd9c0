"""Traces in the text: known marks are split off and unknown ones named."""

from __future__ import annotations

import time

import pytest

from pytest_domainsafety.providers.base import build_reply, reply_kind
from pytest_domainsafety.providers.traces import split_trace, unknown_marks


@pytest.mark.parametrize(
    ("text", "answer", "trace"),
    [
        ("plain", "plain", ""),
        ("<think>hm</think>yes", "yes", "hm"),
        ("<THINK>\na\n</THINK>\n\nyes", "yes", "a"),
        ("<think>a</think>one<think>b</think>two", "onetwo", "a\n\nb"),
        ("<think>never closed", "", "<think>never closed"),
        ("Sure. <THINK>never closed", "", "Sure. <THINK>never closed"),
        ("<think>a</think>one<think>b", "", "<think>a</think>one<think>b"),
        ("eaten by the template</think>yes", "eaten by the template\n\nyes", ""),
        ("<think>a<think>b</think>c</think>d", "c\n\nd", "a<think>b"),
        ("<think>\n</think>\n", "", ""),
        ("", "", ""),
        ("[THINK]hm[/THINK]yes", "yes", "hm"),
        ("<seed:think>hm</seed:think>yes", "yes", "hm"),
        ("◁think▷hm◁/think▷yes", "yes", "hm"),
        ("<reasoning>\nhm\n</reasoning>\nyes", "yes", "hm"),
        ("<thinking>hm</thinking>yes", "yes", "hm"),
        (" \n<thought>hm</thought>yes", "yes", "hm"),
        ("<reasoning>never closed", "", "<reasoning>never closed"),
        ("<think>a [/THINK] b</think>yes", "yes", "a [/THINK] b"),
        (
            "In XML a <reasoning>x</reasoning> y",
            "In XML a <reasoning>x</reasoning> y",
            "",
        ),
        ("<think>a</think><reasoning>b</reasoning>yes", "yes", "a\n\nb"),
        (
            "<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>yes<|END_RESPONSE|>",
            "yes",
            "hm",
        ),
        (
            "<|begin_of_thought|>hm<|end_of_thought|>"
            "<|begin_of_solution|>yes<|end_of_solution|>",
            "yes",
            "hm",
        ),
        ("<|channel>thought\nhm<channel|>yes", "yes", "hm"),
        ("<unused94>hm<unused95>yes", "yes", "hm"),
        ("Here is my thought process:\nhm\nHere is my response:\nyes", "yes", "hm"),
        ("yes<|im_end|>", "yes", ""),
        # Harmony, whole and in pieces.
        (
            "<|channel|>analysis<|message|>hm<|end|>"
            "<|start|>assistant<|channel|>final<|message|>yes<|return|>",
            "yes",
            "hm",
        ),
        ("<|channel|>analysis<|message|>hm", "", "hm"),
        ("<|channel|>final<|message|>yes", "yes", ""),
        ("<|channel|>commentary<|message|>I will.<|end|>", "I will.", ""),
        ("before<|channel|>analysis<|message|>hm<|end|>after", "before\n\nafter", "hm"),
        ("<|channel|>other<|message|>yes<|end|>", "yes", ""),
        ("<|start|>assistant<|message|>yes<|channel|>x<|message|>", "yes", ""),
        ("<|channel|>analysis<|message|>hm<|end|><|start|>assis", "", "hm"),
        ("analysisWe must not.assistantfinalNo.", "No.", "We must not."),
        (
            "analysis of the shed: assistantfinal",
            "analysis of the shed: assistantfinal",
            "",
        ),
    ],
)
def test_answer_and_trace_are_split(text, answer, trace):
    assert split_trace(text) == (answer, trace, False)


def test_a_tool_that_harmony_calls_is_a_tool_call():
    reply = build_reply(
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant"
        "<|channel|>commentary "
        'to=functions.f <|constrain|>json<|message|>{"plan": "x"}<|call|>'
    )
    assert reply_kind(reply)[0] == "unscored"
    assert reply.finish == "tool_call"


def test_a_trace_alone_is_no_refusal():
    for text in ("[THINK]hm", "<|channel|>analysis<|message|>hm", "<thinking>hm"):
        assert reply_kind(build_reply(text))[0] == "unscored"


@pytest.mark.parametrize(
    ("answer", "marks"),
    [
        ("No.", ()),
        ("a < b and [REASON] and <b>bold</b>", ()),
        ("Dear Sir, [Reason for the letter]", ()),
        ("<|thinking_start|>hm<|/x|>No.", ("<|thinking_start|>", "<|/x|>")),
        (
            "<inner_monologue>hm</inner_monologue>No.",
            ("<inner_monologue>", "</inner_monologue>"),
        ),
        ("hm</scratchpad>No.", ("</scratchpad>",)),
        ("[INNER_THOUGHTS]hm[/INNER_THOUGHTS]No.", ("[/INNER_THOUGHTS]",)),
        (f"<|{'a' * 80}|>", ()),
    ],
)
def test_unknown_marks_are_named(answer, marks):
    assert unknown_marks(answer) == marks


@pytest.mark.parametrize(
    "piece",
    [
        "<think>",
        "</think>",
        "<|channel|>",
        "<|channel|>a<|message|>",
        "<|",
        "</a",
        "analysis",
        "[/",
    ],
)
def test_the_time_is_linear_in_the_text(piece):
    def seconds(length):
        text = piece * (length // len(piece))
        began = time.thread_time()
        unknown_marks(split_trace(text).answer + text)
        return time.thread_time() - began

    seconds(10_000)
    # A quadratic pattern takes 400 times as long, and did: 76 s.
    assert seconds(1_000_000) < 120 * max(seconds(50_000), 0.005)
