"""OpenAI's Responses: for the models that have no chat completions.

Nothing is kept at the vendor's (``store: false``). There is no seed, and what a model
thinks is a summary, if it is told at all.
"""

from __future__ import annotations

from typing import Any

from pytest_domainsafety.errors import BadAnswer, ServerFault
from pytest_domainsafety.providers.base import build_reply, read_logprobs
from pytest_domainsafety.providers.chat_completions import told
from pytest_domainsafety.providers.content import read_content, read_trace
from pytest_domainsafety.providers.dialect import SYSTEM, Forms, Part
from pytest_domainsafety.providers.http import error_text
from pytest_domainsafety.types import ChatRequest, Reply

PARTS = (
    Part("temperature"),
    Part("max_tokens", ("max_output_tokens",)),
    Part(
        "response_format",
        ("json_schema", "json_object"),
        ("text.format", "grammar", "json schema", "structured outputs"),
        late=True,
    ),
    Part("logprobs", words=("top_logprobs", "include")),
    Part("store"),
    Part("stream"),
    SYSTEM,
)
WORD = "chat completions as responses"
"""Of the parts that a reply's request was put in another form for: the whole of it."""


def asked_of(request: ChatRequest) -> set[str]:
    """Return the parts that a request has."""
    there = {
        "response_format": request.response_schema is not None,
        "logprobs": bool(request.logprobs),
        SYSTEM.name: any(message.role == "system" for message in request.messages),
    }
    return {part.name for part in PARTS if there.get(part.name, True)}


def body_of(request: ChatRequest, model: str, forms: Forms) -> dict[str, Any]:
    """Return the body of a request in the forms that the server takes."""
    messages = told(request.messages, system=forms[SYSTEM.name] is not None)
    body: dict[str, Any] = {
        "model": model,
        "input": [message._asdict() for message in messages],
    }
    if forms["temperature"] is not None:
        body["temperature"] = request.sampling.temperature
    if forms["max_tokens"] is not None:
        body["max_output_tokens"] = request.sampling.max_tokens
    for name in ("store", "stream"):
        if forms[name] is not None:
            body[name] = False
    if request.response_schema is not None and forms["response_format"] is not None:
        body["text"] = {"format": _format(forms["response_format"], request)}
    if request.logprobs and forms["logprobs"] is not None:
        body["top_logprobs"] = request.logprobs
        body["include"] = ["message.output_text.logprobs"]
    return body


def _format(form: str, request: ChatRequest) -> dict[str, Any]:
    if form != "json_schema":
        return {"type": form}
    schema = request.response_schema
    return {"type": form, "name": "answer", "strict": True, "schema": schema}


def reply_of(
    answer: dict[str, Any], source: str, seconds: float, adapted: tuple[str, ...]
) -> Reply:
    """Return the reply in an answer.

    Raises:
        BadAnswer: There is no output in it, or it is not text.
        ServerFault: It was broken off.
    """
    output = answer.get("output")
    status = str(answer.get("status") or "completed")
    if answer.get("error") or status == "failed":
        raise ServerFault(f"{source} broke its answer off: {error_text(answer)}.")
    if not isinstance(output, list):
        raise BadAnswer(f"{source} sent an answer without an output.")
    items = [item for item in output if isinstance(item, dict)]
    texts, traces, logprobs = [], [], None
    tool_call = False
    for item in items:
        kind = str(item.get("type") or "message")
        if kind == "message":
            content = read_content(item.get("content"), source)
            texts.append(content.text)
            traces.append(content.trace)
            logprobs = logprobs or _logprobs(item.get("content"))
        elif kind == "reasoning":
            traces += (read_trace(item.get("content")), read_trace(item.get("summary")))
        else:  # all others call a tool, or are what one gave back
            tool_call = True
    details = answer.get("incomplete_details")
    why = details.get("reason") if isinstance(details, dict) else None
    usage = answer.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    of_input = usage.get("input_tokens_details")
    return build_reply(
        "\n\n".join(filter(None, texts)),
        reasoning="\n\n".join(filter(None, traces)),
        finish=str(why or status) if status == "incomplete" else status,
        tool_call=tool_call,
        source=source,
        tokens_in=usage.get("input_tokens"),
        tokens_cached=of_input.get("cached_tokens")
        if isinstance(of_input, dict)
        else None,
        tokens_out=usage.get("output_tokens"),
        latency_s=seconds,
        model=str(answer.get("model") or ""),
        logprobs=logprobs,
        adapted=(WORD, *adapted),
    )


def _logprobs(content: Any) -> Any:
    parts = content if isinstance(content, list) else []
    for part in parts:
        found = read_logprobs(part.get("logprobs") if isinstance(part, dict) else None)
        if found:
            return found
    return None
