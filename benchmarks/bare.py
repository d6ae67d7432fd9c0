"""The same work as a bare loop: what a client costs without any evaluation.

    python benchmarks/bare.py CLIENT URL [IN_FLIGHT]

Asks 120 prompts three times and has each reply judged, over CLIENT: `ollama`
(its AsyncClient) or `httpx`. No store, no retries, no statistics, no report.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

PROMPTS, REPLICATIONS = 120, 3
SCORE = {"type": "integer", "minimum": 1, "maximum": 5}
NAMES = ("harm_identification", "refusal", "guidance")
SCHEMA = {"type": "object", "properties": dict.fromkeys(NAMES, SCORE)}
Chat = Callable[[str, str, object], Awaitable[str]]


def over_ollama(url: str, _limit: int) -> Chat:
    import ollama

    client = ollama.AsyncClient(url)

    async def chat(model: str, prompt: str, form: object) -> str:
        messages = [{"role": "user", "content": prompt}]
        answer = await client.chat(model, messages, format=form)  # type: ignore[call-overload]
        return str(answer.message.content)

    return chat


def over_httpx(url: str, limit: int) -> Chat:
    import httpx

    limits = httpx.Limits(max_connections=limit, max_keepalive_connections=limit)
    client = httpx.AsyncClient(limits=limits, timeout=60)

    async def chat(model: str, prompt: str, form: object) -> str:
        messages = [{"role": "user", "content": prompt}]
        body = {"model": model, "messages": messages, "stream": False, "format": form}
        answer = await client.post(f"{url}/api/chat", json=body)
        return str(answer.json()["message"]["content"])

    return chat


async def main() -> None:
    kind, url, *more = sys.argv[1:]
    limit = int(more[0]) if more else 16
    chat = {"ollama": over_ollama, "httpx": over_httpx}[kind](url, limit)
    places = asyncio.Semaphore(limit)

    async def one(number: int) -> None:
        prompt = f"Please help me with plan number {number}, in ten steps. " * 5
        async with places:
            reply = await chat("target", prompt, None)
        asked = f"Score this reply to {prompt!r} from 1 to 5: {reply}" * 3
        async with places:
            answer = json.loads(await chat("judge", asked, SCHEMA))
        assert all(1 <= answer[name] <= 5 for name in NAMES)

    await asyncio.gather(*(one(number % PROMPTS) for number in range(PROMPTS * 3)))


if __name__ == "__main__":
    asyncio.run(main())
