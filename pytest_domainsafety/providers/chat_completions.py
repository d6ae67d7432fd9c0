"""OpenAI's chat completions: the body of a request, and the reply in an answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytest_domainsafety.errors import BadAnswer, ServerFault
from pytest_domainsafety.providers.base import build_reply, read_logprobs
from pytest_domainsafety.providers.content import read_content, read_trace
from pytest_domainsafety.providers.dialect import SYSTEM, Forms, Part
from pytest_domainsafety.providers.filters import is_withheld
from pytest_domainsafety.providers.http import error_text
from pytest_domainsafety.types import ChatRequest, Message, Reply

PARTS = (
    Part("temperature"),
    Part("seed", words=("random_seed",)),
    Part(
        "max_tokens",
        ("max_tokens", "max_completion_tokens"),
        ("max_new_tokens", "max_output_tokens", "maxtokens", "maxoutputtokens"),
    ),
    Part(
        "response_format",
        ("json_schema", "json_object"),
        (
            "grammar",
            "json schema",
            "structured output",
            "structured outputs",
            "guided decoding",
            "guided_json",
            "responseformat",
        ),
        late=True,
    ),
    Part("logprobs", words=("top_logprobs", "toplogprobs")),
    Part(
        "chat_template_kwargs",
        words=("enable_thinking", "chattemplatekwargs"),
        late=True,
    ),
    Part(
        "stream",
        ("whole", "pieces"),
        ("streaming", "streamed", "non-streaming", "non-streamed", "stream mode"),
    ),
    Part(
        "content",
        ("text", "parts"),
        ("messages.content", "content must be a list", "content should be a list"),
    ),
    SYSTEM,
)


def asked_of(request: ChatRequest, *, thinks: bool) -> set[str]:
    """Return the parts that a request has.

    Args:
        request: What is asked.
        thinks: Whether the switch for reasoning goes along.
    """
    there = {
        "response_format": request.response_schema is not None,
        "logprobs": bool(request.logprobs),
        "chat_template_kwargs": thinks,
        SYSTEM.name: any(message.role == "system" for message in request.messages),
    }
    return {part.name for part in PARTS if there.get(part.name, True)}


def body_of(
    request: ChatRequest, model: str, forms: Forms, *, thinks: bool
) -> dict[str, Any]:
    """Return the body of a request in the forms that the server takes."""
    sampling = request.sampling
    messages = told(request.messages, system=forms[SYSTEM.name] is not None)
    body: dict[str, Any] = {
        "model": model,
        "messages": [_as_told(message, forms["content"]) for message in messages],
    }
    if forms["temperature"] is not None:
        body["temperature"] = sampling.temperature
    if forms["seed"] is not None:
        body["seed"] = request.seed
    if forms["stream"] is not None:
        body["stream"] = forms["stream"] == "pieces"
    if forms["max_tokens"] is not None:
        body[forms["max_tokens"]] = sampling.max_tokens
    if request.response_schema is not None and forms["response_format"] is not None:
        body["response_format"] = _format(forms["response_format"], request)
    if request.logprobs and forms["logprobs"] is not None:
        body |= {"logprobs": True, "top_logprobs": request.logprobs}
    if thinks and forms["chat_template_kwargs"] is not None:
        # vLLM, SGLang and llama.cpp hand this to the chat template.
        body["chat_template_kwargs"] = {"enable_thinking": sampling.think}
    return body


def _as_told(message: Message, form: str | None) -> dict[str, Any]:
    if form != "parts":
        return message._asdict()
    part = {"type": "text", "text": message.content}
    return {"role": message.role, "content": [part]}


def _format(form: str, request: ChatRequest) -> dict[str, Any]:
    if form != "json_schema":
        return {"type": form}
    schema = {"name": "answer", "strict": True, "schema": request.response_schema}
    return {"type": form, "json_schema": schema}


def told(messages: Iterable[Message], *, system: bool) -> list[Message]:
    """Return messages as a server takes them.

    Args:
        messages: As they are meant.
        system: Whether there is a role for the system's; where there is none, what it
            says stands before the user's first message.
    """
    if system:
        return list(messages)
    said: list[str] = []
    rest: list[Message] = []
    for message in messages:
        if message.role == "system":
            said.append(message.content)
        elif said and message.role == "user":
            rest.append(Message("user", "\n\n".join((*said, message.content))))
            said = []
        else:
            rest.append(message)
    return rest


def reply_of(
    answer: dict[str, Any], source: str, seconds: float, adapted: tuple[str, ...]
) -> Reply:
    """Return the reply in an answer.

    Raises:
        BadAnswer: There is no message in it, or it is not text.
        ServerFault: It was broken off.
    """
    if is_withheld(answer):
        return build_reply("", finish="filtered", latency_s=seconds, adapted=adapted)
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        refusal = message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise BadAnswer(f"{source} sent an answer without a message.") from None
    if choice.get("error") or message.get("error"):
        broken = choice if choice.get("error") else message
        raise ServerFault(f"{source} broke its answer off: {error_text(broken)}.")
    content = read_content(message.get("content"), source)
    if refusal is not None and not isinstance(refusal, str):
        raise BadAnswer(f"{source} sent a message that is not text.")
    own = message.get("reasoning_content") or message.get("reasoning")
    usage = answer.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    logprobs = choice.get("logprobs")
    return build_reply(
        "\n\n".join(part for part in (content.text, refusal) if part),
        reasoning="\n\n".join(filter(None, (read_trace(own), content.trace))),
        finish=choice.get("finish_reason"),
        tool_call=bool(
            content.tool_call
            or message.get("tool_calls")
            or message.get("function_call")
        ),
        source=source,
        tokens_in=usage.get("prompt_tokens"),
        tokens_cached=_cached(usage, answer.get("timings")),
        tokens_out=usage.get("completion_tokens"),
        latency_s=seconds,
        model=str(answer.get("model") or ""),
        logprobs=read_logprobs(
            logprobs.get("content") if isinstance(logprobs, dict) else None
        ),
        adapted=adapted,
    )


def _cached(usage: dict[str, Any], timings: Any) -> Any:
    """Return what a server says that it had read of a prompt before.

    OpenAI's word for it comes first, which vLLM, SGLang, llama.cpp and gateways have
    taken over; then DeepSeek's and Moonshot's; then an older llama.cpp's, whose
    ``tokens_cached`` is another thing: all that its slot holds in the end.
    """
    details = usage.get("prompt_tokens_details")
    told = (
        details.get("cached_tokens") if isinstance(details, dict) else None,
        usage.get("prompt_cache_hit_tokens"),
        usage.get("cached_tokens"),
        timings.get("cache_n") if isinstance(timings, dict) else None,
    )
    return next((count for count in told if count is not None), None)
