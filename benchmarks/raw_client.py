"""How fast the benchmarks' server is: answers a second to a raw client.

python benchmarks/raw_client.py
"""

from __future__ import annotations

import asyncio
import json
import time

from harness import Server

CONNECTIONS, REQUESTS = 16, 1000


async def ask(host: str, port: int, request: bytes) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for _ in range(REQUESTS):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.split(b"content-length: ")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
    writer.close()


async def main() -> None:
    message = {"role": "user", "content": "word " * 300}
    body = json.dumps({"model": "target", "messages": [message], "stream": False})
    head = f"POST /api/chat HTTP/1.1\r\nhost: it\r\ncontent-length: {len(body)}\r\n\r\n"
    with Server() as at:
        host, port = at.url.removeprefix("http://").split(":")
        began = time.perf_counter()
        request = (head + body).encode()
        some = (ask(host, int(port), request) for _ in range(CONNECTIONS))
        await asyncio.gather(*some)
        rate = CONNECTIONS * REQUESTS / (time.perf_counter() - began)
    print(f"{rate:,.0f} answers a second")


if __name__ == "__main__":
    asyncio.run(main())
