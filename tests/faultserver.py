"""A model server on loopback that misbehaves on request, in three wire formats.

Speaks Ollama's native API (``/api/…``), OpenAI's and, where `shape` says what
is answered, Anthropic's (``/v1/…``) over `asyncio`, on a thread of its own, so
that any test can use it::

    with FaultServer() as server:
        server.script("busy", "reset", OK)      # the next three chat requests
        server.fault = lambda number, prompt: "html" if number % 10 == 0 else None
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

OK = "ok"
FAULTS = (
    "reset",  # the connection is cut before any answer
    "half",  # half a body, then the connection ends
    "html",  # a page instead of JSON, status 200
    "busy",  # 503
    "busy_after",  # 503 with Retry-After: 7
    "limit",  # 429
    "limit_after",  # 429 with Retry-After: 3
    "error",  # 500
    "wrong_model",  # another model's name in the answer
    "empty",  # an empty answer, finished
    "stream_error",  # an error object in a 200 stream
    "hang",  # never answers
    "slow",  # the body comes byte by byte
    "length",  # empty, the limit was spent
    "filtered",  # stopped by a content filter
    "filtered_400",  # rejected by a content filter (OpenAI's 400)
    "truncated",  # the prompt was cut: few prompt tokens
    "overflow",  # 400: the prompt does not fit the window
    "list",  # JSON, but no object
    "not_found",  # 404
    "redirect",  # 302 to nowhere
)
GARBAGE = b"<html><body>502 Bad Gateway</body></html>"
DIGEST = "5e" * 32
Fault = str | None
Answer = Callable[[list[dict[str, Any]]], str]
Shape = Callable[[str, dict[str, Any]], tuple[int, Any] | None]
CHATS = frozenset({"/api/chat", "/v1/chat/completions", "/v1/messages"})


class FaultServer:
    """One server; use as a context manager.

    Attributes:
        models: The models that it has.
        answer: From messages to the text answered.
        fault: From (number of the chat request, last prompt) to a fault or
            None; asked where no script is left.
        shape: From a chat request's path and body to the status and the body of
            the answer (a JSON document, or bytes); None leaves it to the others.
        requests: The body of every chat request, with its ``path``.
        cancelled: Requests that the client gave up.
        loads: Options by which a model would have been loaded again.
        latency: Seconds that a right answer takes.
        unseen: Requests with these words are answered well and not noted.
        digests: Of models that shall not all be the same one.
        loaded: What `/api/ps` shows.
    """

    def __init__(self, *models: str) -> None:
        self.models = models or ("m:latest",)
        self.answer: Answer = lambda _: "I can't help with that."
        self.fault: Callable[[int, str], Fault] = lambda _number, _prompt: None
        self.shape: Shape = lambda _path, _body: None
        self.extra: dict[str, Any] = {}
        self.show: dict[str, Any] = {}
        self.legacy_limit = False
        self.no_schema = False
        self.unseen = ""
        self.latency = 0.0
        self.digests: dict[str, str] = {}
        self.loaded: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.cancelled = 0
        self._script: deque[Fault] = deque()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    def script(self, *faults: Fault) -> None:
        """Set what happens to the next chat requests, in order."""
        self._script.extend(faults)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FaultServer:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        self._loop.run_until_complete(self._serve(ready))
        self._loop.close()

    async def _serve(self, ready: threading.Event) -> None:
        self._over = asyncio.Event()
        server = await asyncio.start_server(
            self._accepted, "127.0.0.1", 0, backlog=1024
        )
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()
        # A connection that is still being accepted when a server closes would
        # leak: accept no more, let those in hand get their tasks, then close.
        for listening in server.sockets:
            self._loop.remove_reader(listening.fileno())
        await asyncio.sleep(0.01)
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # A task that was cancelled before its first step closed nothing.
        for writer in self._writers:
            writer.transport.abort()
        # One more round, in which the closed transports let go of their sockets.
        await asyncio.sleep(0.01)

    def _accepted(self, reader, writer) -> None:
        self._writers.add(writer)
        task = self._loop.create_task(self._connection(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connection(self, reader, writer) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            # The loop ends soon after; a socket left to it would leak.
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            self._writers.discard(writer)

    async def _one(self, reader, writer) -> bool:
        """Serve one request; say whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split()
        headers = {
            key.lower(): value.strip()
            for key, _, value in (line.partition(":") for line in lines)
        }
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        body = json.loads(content) if content else {}
        self.headers.append(headers)
        if path in CHATS and body.get("messages"):
            return await self._chat(reader, writer, path, body)
        self._send(writer, *self._listing(method, path, body))
        await writer.drain()
        return True

    # ── what is there ───────────────────────────────────────────────────────

    def _listing(self, method, path, body) -> tuple[int, Any]:
        if path == "/api/version":
            return 200, {"version": "0.13.5"}
        if path == "/api/tags":
            details = {"family": "llama", "quantization_level": "Q4_K_M"}
            entries = [
                {
                    "name": name,
                    "model": name,
                    "digest": self.digests.get(name, DIGEST),
                    "details": details,
                }
                for name in self.models
            ]
            return 200, {"models": entries}
        if path == "/api/show":
            return self._shown(body["model"])
        if path == "/api/ps":
            return 200, {"models": [{"model": name} for name in self.loaded]}
        if path == "/v1/models":
            names = [name.removesuffix(":latest") for name in self.models]
            return 200, {"object": "list", "data": [{"id": name} for name in names]}
        if path.startswith("/v1/models/"):  # Anthropic's, of one model
            name = path.rpartition("/")[2]
            return 200, {"type": "model", "id": name, "created_at": "2026-01-01"}
        if path == "/api/chat":  # no messages: load or unload
            self.requests.append({"path": path, **body})
            message = {"role": "assistant", "content": ""}
            return 200, {"model": body["model"], "message": message, "done": True}
        return 404, {"error": "404 page not found"}

    def _shown(self, model) -> tuple[int, Any]:
        if model not in self.models and f"{model}:latest" not in self.models:
            return 404, {"error": f"model '{model}' not found"}
        return 200, {
            "template": "{{ .Prompt }}",
            "details": {"family": "llama", "quantization_level": "Q4_K_M"},
            "model_info": {
                "general.architecture": "llama",
                "llama.context_length": 8192,
            },
            "capabilities": ["completion"],
            **self.show,
        }

    # ── chat ────────────────────────────────────────────────────────────────

    async def _chat(self, reader, writer, path, body) -> bool:
        number = len(self.requests)
        prompt = body["messages"][-1]["content"]
        if self.unseen and self.unseen in prompt:
            answer = self._native if path == "/api/chat" else self._openai
            self._send(writer, 200, answer(OK, body))
            await writer.drain()
            return True
        self.requests.append({"path": path, **body})
        shaped = self.shape(path, body)
        if shaped is not None:
            self._send(writer, *shaped)
            await writer.drain()
            return True
        fault = self._script.popleft() if self._script else self.fault(number, prompt)
        if fault in {None, OK}:
            fault = OK
        native = path == "/api/chat"
        if fault == "reset":
            writer.transport.abort()
            return False
        if fault == "hang":
            await reader.read(1)  # returns when the client gives up
            self.cancelled += 1
            return False
        if not native and self.legacy_limit and "max_tokens" in body:
            said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'."
            self._send(writer, 400, {"error": {"message": said}})
            return True
        if not native and self.no_schema and "response_format" in body:
            said = "Unknown field: response_format"
            self._send(writer, 422, {"error": {"message": said}})
            return True
        if self.latency:
            await asyncio.sleep(self.latency)
        status, answer, headers = self._answered(native, fault, body)
        return await self._deliver(writer, fault, status, answer, headers)

    async def _deliver(self, writer, fault, status, answer, headers) -> bool:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        if fault in {"half", "slow"}:
            lines = f"content-type: application/json\r\ncontent-length: {len(data)}"
            writer.write(f"HTTP/1.1 200 OK\r\n{lines}\r\n\r\n".encode())
            if fault == "half":
                writer.write(data[: len(data) // 2])
                await writer.drain()
                return False
            for byte in data:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)
            return True
        self._send(writer, status, answer, headers)
        await writer.drain()
        return True

    def _answered(self, native, fault, body) -> tuple[int, Any, dict[str, str]]:
        """Return status, body and headers of an answer, right or wrong."""
        if fault in STATUSES:
            status, text, headers = STATUSES[fault]
            wrapped = {"message": text, "type": "server_error", "code": None}
            if fault == "filtered_400":
                wrapped["code"] = "content_filter"
            return status, {"error": text if native else wrapped}, headers
        if fault == "html":
            return 200, GARBAGE, {"content-type": "text/html"}
        if fault == "list":
            return 200, [1, 2], {}
        if fault == "stream_error":
            lines = [{"message": {"content": "Sure"}}, {"error": "the runner crashed"}]
            return 200, "\n".join(map(json.dumps, lines)).encode(), {}
        answer = self._native(fault, body) if native else self._openai(fault, body)
        return 200, answer, {}

    def _native(self, fault, body) -> dict[str, Any]:
        text = "" if fault in EMPTY else self.answer(body["messages"])
        prompt = sum(len(one["content"]) for one in body["messages"])
        return {
            "model": "another" if fault == "wrong_model" else body["model"],
            "message": {"role": "assistant", "content": text},
            "done": True,
            "done_reason": {"length": "length"}.get(fault, "stop"),
            "prompt_eval_count": 3 if fault == "truncated" else prompt // 4 + 1,
            "eval_count": len(text) // 4 + 1,
            "load_duration": 500_000_000,
            **self.extra,
        }

    def _openai(self, fault, body) -> dict[str, Any]:
        text = "" if fault in EMPTY else self.answer(body["messages"])
        reasons = {"length": "length", "filtered": "content_filter"}
        return {
            "model": "another" if fault == "wrong_model" else body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, **self.extra},
                    "finish_reason": reasons.get(fault, "stop"),
                }
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": len(text) // 4 + 1},
        }

    def _send(self, writer, status, answer, headers=None) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        sent = {
            "content-type": "application/json",
            "content-length": str(len(data)),
            **(headers or {}),
        }
        head = "".join(f"{key}: {value}\r\n" for key, value in sent.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + data)


EMPTY = frozenset({"empty", "length", "filtered"})
BUSY = "server busy, please try again.  maximum pending requests exceeded"
STATUSES: dict[str, tuple[int, str, dict[str, str]]] = {
    "busy": (503, BUSY, {}),
    "busy_after": (503, BUSY, {"retry-after": "7"}),
    "limit": (429, "rate limit", {}),
    "limit_after": (429, "rate limit", {"retry-after": "3"}),
    "error": (500, "the runner crashed", {}),
    "filtered_400": (400, "The response was filtered", {}),
    "overflow": (400, "the input length exceeds the context length", {}),
    "not_found": (404, "model 'm' not found, try pulling it first", {}),
    "redirect": (302, "elsewhere", {}),
}
