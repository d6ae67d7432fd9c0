"""What servers, judges and applications do with what they are sent: quote it, badly.

Each fault is a function of the prompt and the key to what a server answers: status,
body and, where they matter, headers. The names of models choose among them, so that
one run meets them all.
"""

# ruff: noqa: ARG005 - each fault is given the prompt and the key

from __future__ import annotations

import json

KEY = "sk-9d41c07be2-kingfisher"
PASSWORD = "pw-77c2e0aa-kingfisher"
PROMPT = "zebrafinch"
REPLY = "quokkatext"
CANARIES = {"key": "9d41c07be2", "password": "77c2e0aa", "prompt": PROMPT}
"""What no output may hold; of a reply see :data:`REPLY`."""

SAID = f"I'm sorry, {REPLY}, but I can't help with that. It would harm people."
JUDGED = {
    "rationale": f"It says {REPLY}.",
    "harm_identification": 1,
    "refusal": 5,
    "guidance": 1,
    "markers": {"cites_law": False, "protects": False},
}


def _error(status, text, **more):
    return status, {"error": {"message": text, "type": "server_error", **more}}


def _statuses():
    """Yield every status that servers use, with all that they were sent in its text."""
    for status in (
        400,
        401,
        403,
        404,
        408,
        409,
        413,
        418,
        422,
        429,
        500,
        502,
        503,
        504,
    ):
        yield (
            f"status-{status}",
            lambda p, k, s=status: _error(s, f"Can't take '{p}' with {k}"),
        )


ERRORS = {
    **dict(_statuses()),
    "plain-error": lambda p, k: (500, {"error": f"runner: {p} {k}"}),
    "error-code": lambda p, k: _error(400, "no", code=f"{p} {k}", param=p),
    "error-list": lambda p, k: (
        422,
        {"detail": [{"loc": ["body", p], "msg": f"{p} {k}", "input": p}]},
    ),
    "error-object": lambda p, k: (500, {"error": {"message": {"said": p, "key": k}}}),
    "error-cut": lambda p, k: _error(500, f"{'a long way before ' * 7}{p} {k}"),
    "error-escaped": lambda p, k: _error(500, json.dumps(json.dumps(f"{p} {k}"))),
    "error-capitals": lambda p, k: _error(500, f"{p} {k}".upper()),
    "error-text": lambda p, k: (500, f"{p} {k}".encode()),
    "error-page": lambda p, k: (
        502,
        f"<html>{p} {k}</html>".encode(),
        {"content-type": f"text/html; of={k}"},
    ),
    "not-json": lambda p, k: (200, f"{p} {k}".encode()),
    "content-type": lambda p, k: (200, b"x", {"content-type": f"{p[:60]} {k}"}),
    "stream": lambda p, k: (200, f'{{"a": 1}}\n{{"error": "{p} {k}"}}'.encode()),
    "too-deep": lambda p, k: (200, b"[" * 100_000 + f"{p} {k}".encode()),
    "redirect": lambda p, k: (302, b"", {"location": f"http://x/?key={k}&p={p[:60]}"}),
    "headers": lambda p, k: (500, {"error": "no"}, {"x-key": k, "x-prompt": p[:60]}),
    "a-list": lambda p, k: (200, [p, k]),
    "context": lambda p, k: _error(400, f"context length: {p} {k}"),
    "number": lambda p, k: (200, b'{"load_duration": ' + b"9" * 400 + b"}"),
}
"""Of any wire format: (prompt, key) → status, body and headers."""
_SOME = {name: ERRORS[name] for name in [*ERRORS][::3]}
"""Where the others' way through the code is the same as OpenAI's."""


def openai(content=SAID, finish="stop", **message):
    return {
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": finish,
            }
        ]
    }


OPENAI = {
    **ERRORS,
    "finish": lambda p, k: (200, openai(finish=f"{p}")),
    "finish-key": lambda p, k: (200, openai(finish=k)),
    "name": lambda p, k: (200, openai() | {"model": f"{p} {k}"}),
    "choice-error": lambda p, k: (
        200,
        {"choices": [{"error": {"message": f"{p} {k}"}, "message": {}}]},
    ),
    "no-text": lambda p, k: (200, openai(content={"said": f"{p} {k}"})),
    "no-message": lambda p, k: (200, {"choices": [{"index": p, "text": k}]}),
    "usage": lambda p, k: (200, openai() | {"usage": {"prompt_tokens": p, "x": k}}),
    "logprobs": lambda p, k: (200, openai() | {"logprobs": {"content": [p, k]}}),
    "tool": lambda p, k: (200, openai(tool_calls=[{"function": {"name": f"{p}{k}"}}])),
    "answer-key": lambda p, k: (200, openai(content=f"{SAID} {k}")),
    "surrogates": lambda p, k: (
        200,
        json.dumps(openai()).replace("sorry", "\\ud83d").encode(),
    ),
    "odd-parts": lambda p, k: (200, openai(content=[{"type": f"{p} {k}", "text": p}])),
}


def _ollama(**more):
    message = {"role": "assistant", "content": SAID}
    return {"message": message, "done": True, "done_reason": "stop", **more}


OLLAMA = {
    **_SOME,
    "finish": lambda p, k: (200, _ollama(done_reason=f"{p}")),
    "name": lambda p, k: (200, _ollama(model=f"{p} {k}")),
    "huge": lambda p, k: (
        200,
        json.dumps(_ollama(load_duration=0)).replace(": 0", ": " + "9" * 400).encode(),
    ),
    "no-text": lambda p, k: (200, _ollama(message={"content": [p, k]})),
    "counts": lambda p, k: (200, _ollama(eval_count=p, prompt_eval_count=k)),
    "logprobs": lambda p, k: (200, _ollama(logprobs=[{"token": p, "top_logprobs": k}])),
}

ANTHROPIC = {
    **_SOME,
    "finish": lambda p, k: (200, {"content": [], "stop_reason": f"{p}"}),
    "name": lambda p, k: (200, {"content": [{"text": SAID}], "model": f"{p} {k}"}),
    "no-list": lambda p, k: (200, {"content": {"said": f"{p} {k}"}}),
    "counts": lambda p, k: (
        200,
        {"content": [{"text": SAID}], "usage": {"input_tokens": p}},
    ),
}


def _judged(**more):
    return openai(content=json.dumps(JUDGED | more))


def _told(prompt):
    """Return what a judge is told of prompt and reply, within all that it is asked."""
    at, reply = prompt.find(PROMPT), prompt.find(REPLY)
    return (
        f"{prompt[max(0, at - 30) : at + 50]} {prompt[max(0, reply - 15) : reply + 30]}"
    )


def _of_a_judge(fault):
    return lambda p, k: fault(_told(p), k)


JUDGES = {
    **{name: _of_a_judge(fault) for name, fault in OPENAI.items()},
    "unknown-key": lambda p, k: (200, _judged(**{_told(p): k})),
    "odd-score": lambda p, k: (200, _judged(refusal=f"{_told(p)} {k}")),
    "odd-marker": lambda p, k: (200, _judged(markers={f"{_told(p)} {k}": True})),
    "prose": lambda p, k: (200, openai(content=f"{_told(p)} {k}")),
    "rationale": lambda p, k: (200, _judged(rationale=f"{_told(p)} {k}")),
    "declines": lambda p, k: (200, openai(content=f"I can't judge {_told(p)} {k}")),
}

APPLICATION = '''\
"""Quotes what it is asked in every way that an application has."""

import logging
import os
import sys
import warnings

SAID = "I'm sorry, quokkatext, but I can't help with that. It would harm people."
KEY = os.environ["OPENAI_API_KEY"]


class Loud(Exception):
    def __str__(self):
        return f"{self.args}"


def raises(prompt):
    raise RuntimeError(f"{prompt} {KEY}")


def chains(prompt):
    try:
        raises(prompt)
    except RuntimeError as error:
        raise Loud(prompt, KEY) from error


def exits(prompt):
    sys.exit(f"{prompt} {KEY}")


def groups(prompt):
    raise ExceptionGroup(prompt, [ValueError(KEY)])


def prints(prompt):
    print(prompt, KEY)
    print(prompt, KEY, file=sys.stderr)
    return SAID


def logs(prompt):
    logging.getLogger("app").critical("%s %s", prompt, KEY)
    return SAID


def warns(prompt):
    warnings.warn(f"{prompt} {KEY}", UserWarning, stacklevel=1)
    return SAID


def finish(prompt):
    return {"text": SAID, "finish": prompt, "model": f"{prompt} {KEY}"}


def odd(prompt):
    return type(prompt + KEY, (), {"__repr__": lambda self: prompt})()


def name(prompt):
    return {"text": SAID, "reasoning": SAID, "tokens_in": prompt, "tokens_out": KEY}


async def late(prompt):
    raise OSError(5, prompt, KEY)
'''
FUNCTIONS = [
    "raises",
    "chains",
    "exits",
    "groups",
    "prints",
    "logs",
    "warns",
    "finish",
    "odd",
    "name",
    "late",
]

PROGRAM = """\
import os, sys

prompt = sys.stdin.read()
print(prompt, os.environ.get("OPENAI_API_KEY"), file=sys.stderr)
if sys.argv[1] != "well":
    sys.exit(int(sys.argv[1]))
print("I'm sorry, quokkatext, but I can't help with that. It would harm people.")
"""
PROGRAMS = ("3", "77", "well")
