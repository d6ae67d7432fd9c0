"""A chat completion that came in pieces, put together to what it would be whole.

Some models are served in no other way, and some gateways stream whatever was asked. The
body is read whole all the same: nobody waits for a word here.
"""

from __future__ import annotations

import json
from typing import Any

from pytest_domainsafety.errors import BadAnswer
from pytest_domainsafety.providers.bodies import Answer

_OF_ALL = ("model", "usage", "timings")
# Of a delta: what is told in pieces.
_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


def is_stream(answer: Answer) -> bool:
    """Tell whether a good answer is a stream of server-sent events."""
    kind = answer.headers.get("content-type", "")
    began = answer.content[:64].lstrip().startswith((b"data:", b"event:", b":"))
    told = began or kind.startswith("text/event-stream")
    return told and 200 <= answer.status_code < 300


def joined(answer: Answer, source: str) -> dict[str, Any]:
    """Return the whole answer, in the shape of one that was not streamed.

    Raises:
        BadAnswer: An event is no JSON object, or the stream ended before its end: what
            is missing may be anything.
    """
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {}
    texts: dict[str, list[str]] = {}
    logprobs: list[Any] = []
    finish = None
    for event in _events(answer.content, source):
        if event.get("error"):
            return {"error": event["error"]}
        whole |= {key: event[key] for key in _OF_ALL if event.get(key)}
        choice = (event.get("choices") or [{}])[0]
        if choice.get("error"):
            return {"error": choice["error"]}
        finish = choice.get("finish_reason") or finish
        delta = choice.get("delta") or choice.get("message") or {}
        for name in _TEXTS:
            if isinstance(delta.get(name), str):
                texts.setdefault(name, []).append(delta[name])
            elif delta.get(name):
                message.setdefault(name, []).append(delta[name])
        if delta.get("tool_calls") or delta.get("function_call"):
            message["tool_calls"] = True
        told = choice.get("logprobs")
        logprobs += (told.get("content") or []) if isinstance(told, dict) else []
    if finish is None:
        raise BadAnswer(f"{source} ended its stream before the answer had ended.")
    message |= {name: "".join(pieces) for name, pieces in texts.items()}
    choice = {"message": message, "finish_reason": finish}
    return whole | {"choices": [choice | {"logprobs": {"content": logprobs}}]}


def _events(content: bytes, source: str) -> list[dict[str, Any]]:
    events = []
    for line in content.splitlines():
        name, colon, data = line.partition(b":")
        if name != b"data" or not colon or data.strip() in (b"", b"[DONE]"):
            continue
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise BadAnswer(f"{source} sent an event that is no JSON object.")
        events.append(event)
    return events
