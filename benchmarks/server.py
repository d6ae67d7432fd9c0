"""A model server on loopback with fixed latency, slots and a swap cost.

    python benchmarks/server.py --latency 0.2 --slots 16

Speaks Ollama's native API and OpenAI's, streaming and not, over a bare asyncio
protocol, so that what a client takes is the client's. Nothing is random: every
reply is canned, every request for a judgement gets a valid one. Requests are
served in the order in which they came; where a swap costs something, one model
is resident, and the head of the queue waits until all that run have ended and
its model is loaded, as Ollama does on one GPU.

``GET /stats`` tells what was asked since the last ``POST /reset``, whose JSON
body may set ``latency``, ``slots`` and ``swap``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

TARGET, JUDGE = "target:latest", "judge:latest"
REPLY = (
    "I can't help with that. It would hurt the people whom it is meant for, and in "
    "most places it is against the law. If you are responsible for them, speak with "
    "a lawyer or with the authority that watches over this field; if you are one of "
    "them, a union, a legal-aid office or a hotline can tell you what your rights "
    "are and how to use them without putting yourself in danger."
)
# What our own judge, and the graders of the peers that were tried, look for.
JUDGEMENT = {
    "rationale": "The reply declines and names the harm.",
    "harm_identification": 4,
    "refusal": 5,
    "guidance": 1,
    "pass": True,
    "score": 1,
    "reason": "The reply declines.",
}
TOKENS_IN, TOKENS_OUT = 60, 90
CHAT_PATHS = frozenset({b"/api/chat", b"/v1/chat/completions"})


@dataclass
class Counts:
    """What was asked since the last reset."""

    requests: int = 0
    chats: int = 0
    answered: int = 0
    abandoned: int = 0
    loads: int = 0
    swaps: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    first_s: float | None = None
    last_s: float = 0.0
    bodies: Counter[int] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        told = {key: value for key, value in vars(self).items() if key != "bodies"}
        return told | {"duplicates": self.chats - len(self.bodies)}


class Job(NamedTuple):
    """One chat request on its way through the server."""

    runner: tuple[str, Any]
    answer: Callable[[], None]
    alive: Callable[[], bool]


class Scheduler:
    """Slots, latency, and the one model that is resident."""

    def __init__(self, latency: float, slots: int, swap: float) -> None:
        self.latency, self.slots, self.swap = latency, slots, swap
        self.counts = Counts()
        self._waiting: deque[Job] = deque()
        self._running = 0
        self._resident: tuple[str, Any] | None = None
        self._last: str | None = None
        self._loading = False

    def reset(self, told: dict[str, float]) -> None:
        """Forget what was counted and loaded; set what is told."""
        for name in ("latency", "slots", "swap"):
            setattr(self, name, told.get(name, getattr(self, name)))
        self.counts = Counts(in_flight=self.counts.in_flight)
        self._resident = self._last = None

    @property
    def resident(self) -> tuple[str, ...]:
        """The models that are loaded: all, where changing between them is free."""
        if not self.swap:
            return TARGET, JUDGE
        return (self._resident[0],) if self._resident else ()

    def submit(self, job: Job) -> None:
        self._waiting.append(job)
        self._pump()

    def unload(self, model: str) -> None:
        if self._resident is not None and self._resident[0] == model:
            self._resident = None

    def _pump(self) -> None:
        while self._waiting and not self._loading:
            job = self._waiting[0]
            if not job.alive():
                self._waiting.popleft()
                continue
            if self.slots and self._running >= self.slots:
                return
            if self.swap and job.runner != self._resident:
                if not self._running:
                    self._load(job.runner)
                return
            self._waiting.popleft()
            self._running += 1
            if self.latency:
                loop = asyncio.get_running_loop()
                loop.call_later(self.latency, self._end, job)
            else:
                self._end(job, pump=False)

    def _end(self, job: Job, *, pump: bool = True) -> None:
        self._running -= 1
        if job.alive():
            job.answer()
        if pump:
            self._pump()

    def _load(self, runner: tuple[str, Any]) -> None:
        """Load a model; the first is there before the clock starts."""
        self.counts.loads += 1
        self.counts.swaps += self._last is not None and runner[0] != self._last
        wait = self.swap if self._last is not None else 0.0
        self._loading = True

        def loaded() -> None:
            self._loading, self._resident, self._last = False, runner, runner[0]
            self._pump()

        asyncio.get_running_loop().call_later(wait, loaded)


class Connection(asyncio.Protocol):
    """One connection: requests one after the other."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._buffer = b""
        self._busy = False
        self._open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _exc: Exception | None) -> None:
        self._open = False
        if self._busy:
            self._scheduler.counts.in_flight -= 1
            self._scheduler.counts.abandoned += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._serve()

    def _serve(self) -> None:
        while not self._busy:
            head, mark, rest = self._buffer.partition(b"\r\n\r\n")
            if not mark:
                return
            length = _content_length(head)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            _, path, _ = head.split(b" ", 2)
            self._request(path.partition(b"?")[0], rest[:length])

    def _request(self, path: bytes, content: bytes) -> None:
        counts = self._scheduler.counts
        if path == b"/stats":
            return self._send(_json(counts.as_json()))
        body = json.loads(content) if content else {}
        if path == b"/reset":
            self._scheduler.reset(body)
            return self._send(b"{}")
        counts.requests += 1
        if path not in CHAT_PATHS:
            return self._send(_json(_listing(path, self._scheduler.resident)))
        if not body.get("messages"):
            self._scheduler.unload(body["model"])
            return self._send(_json(_native({"messages": [], **body}, "")))
        counts.chats += 1
        if counts.first_s is None:
            counts.first_s = time.monotonic()
        counts.bodies[hash(content)] += 1
        counts.models[body["model"]] += 1
        counts.in_flight += 1
        counts.most_in_flight = max(counts.most_in_flight, counts.in_flight)
        self._busy = True
        runner = (body["model"], (body.get("options") or {}).get("num_ctx"))
        self._scheduler.submit(
            Job(runner, lambda: self._answer(path, body), lambda: self._open)
        )
        return None

    def _answer(self, path: bytes, body: dict[str, Any]) -> None:
        counts = self._scheduler.counts
        counts.answered += 1
        counts.last_s = time.monotonic()
        counts.in_flight -= 1
        self._busy = False
        native = path == b"/api/chat"
        # Ollama streams unless told otherwise, OpenAI only if told so.
        streamed = body.get("stream", native)
        text = _text(body)
        if not streamed:
            self._send(_json(_native(body, text) if native else _openai(body, text)))
        elif native:
            self._send(_native_stream(body, text), b"application/x-ndjson")
        else:
            self._send(_openai_stream(body, text), b"text/event-stream")
        self._serve()

    def _send(self, content: bytes, kind: bytes = b"application/json") -> None:
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (kind, len(content), content)
        )


def _content_length(head: bytes) -> int:
    _, mark, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if mark else 0


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("ascii")


# ── what it answers ─────────────────────────────────────────────────────────


def _text(body: dict[str, Any]) -> str:
    if not str(body["model"]).startswith("judge"):
        return REPLY
    schema = body.get("format")
    wrapped = body.get("response_format") or {}
    schema = schema or (wrapped.get("json_schema") or {}).get("schema")
    properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
    markers = properties.get("markers", {}).get("required", ())
    told = {**JUDGEMENT, "markers": dict.fromkeys(markers, False)}
    text = json.dumps(told)
    # Those who ask for no JSON look for a line of their own.
    return text if schema else f"{text}\nRating: [[1]]\nGRADE: C"


def _native(body: dict[str, Any], text: str, *, done: bool = True) -> dict[str, Any]:
    part = {
        "model": body["model"],
        "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": text},
        "done": done,
    }
    if not done:
        return part
    return part | {
        "done_reason": "stop",
        "prompt_eval_count": sum(len(m["content"]) for m in body["messages"]) // 4,
        "eval_count": TOKENS_OUT,
        "load_duration": 0,
        "total_duration": 0,
    }


def _native_stream(body: dict[str, Any], text: str) -> bytes:
    parts = [_native(body, word, done=False) for word in _thirds(text)]
    return b"".join(_json(part) + b"\n" for part in [*parts, _native(body, "")])


def _openai(body: dict[str, Any], text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    usage = {
        "prompt_tokens": TOKENS_IN,
        "completion_tokens": TOKENS_OUT,
        "total_tokens": TOKENS_IN + TOKENS_OUT,
    }
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }


def _openai_stream(body: dict[str, Any], text: str) -> bytes:
    def event(delta: dict[str, str], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        chunk = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": body["model"],
            "choices": [choice],
        }
        return b"data: " + _json(chunk) + b"\n\n"

    parts = [event({"content": word}, None) for word in _thirds(text)]
    return b"".join([*parts, event({}, "stop"), b"data: [DONE]\n\n"])


def _thirds(text: str) -> list[str]:
    step = len(text) // 3 + 1
    return [text[start : start + step] for start in range(0, len(text), step)]


def _listing(path: bytes, resident: tuple[str, ...]) -> dict[str, Any]:
    details = {"family": "llama", "quantization_level": "Q4_K_M"}
    listed = [
        {"name": name, "model": name, "digest": digit * 64, "details": details}
        for name, digit in ((TARGET, "1"), (JUDGE, "2"))
    ]
    if path == b"/api/version":
        return {"version": "0.13.5"}
    if path == b"/api/tags":
        return {"models": listed}
    if path == b"/api/show":
        known = {"general.architecture": "llama", "llama.context_length": 131072}
        return {
            "template": "{{ .Prompt }}",
            "details": details,
            "model_info": known,
            "capabilities": ["completion"],
        }
    if path == b"/v1/models":
        names = [name.removesuffix(":latest") for name in (TARGET, JUDGE)]
        models = [{"id": name, "object": "model", "created": 0} for name in names]
        return {"object": "list", "data": models}
    # /api/ps; the memory that a model takes tells whether another one fits in.
    held = {"size": 2**34, "size_vram": 2**34, "details": details}
    return {"models": [{"name": name, "model": name, **held} for name in resident]}


async def serve(scheduler: Scheduler, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(scheduler), "127.0.0.1", port, backlog=4096
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds a reply")
    parser.add_argument("--slots", type=int, default=0, help="at once; 0: no limit")
    parser.add_argument("--swap", type=float, default=0.0, help="seconds a swap")
    told = parser.parse_args()
    scheduler = Scheduler(told.latency, told.slots, told.swap)
    try:
        asyncio.run(serve(scheduler, told.port))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
