"""The user's own application: a Python function that answers prompts."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    ProviderError,
    RequestRefused,
    ServerFault,
)
from pytest_domainsafety.providers.base import (
    ProviderSettings,
    build_reply,
    time_limit,
)
from pytest_domainsafety.text import fingerprint, printable
from pytest_domainsafety.types import ChatRequest, ModelInfo, Reply


class PythonModel:
    """A function ``package.module:function``, guardrails and all.

    It is called with the prompt as a string; where its first parameter is
    called ``messages``, with a list of ``{"role", "content"}`` instead. Without
    that parameter a conversation of several messages is a fault: an
    application that sees only the last turn was not tested on the scenario.
    It returns a string, or a dictionary with ``text`` and perhaps
    ``reasoning``, ``finish`` (``stop``, ``length``, ``filtered`` or a server's
    word for it), ``tool_calls``, ``tokens_in``, ``tokens_out`` and ``model``. An
    empty string is silence, since an application has no finish. A function that
    is not ``async`` runs in a thread.

    Args:
        name: As the user typed it.
        rest: Module and function; the working directory can be imported from.
        settings: The time-out is used; an endpoint means nothing here.

    Raises:
        ConfigError: There is no such function.
    """

    def __init__(self, name: str, rest: str, settings: ProviderSettings) -> None:
        """Import the function; it is not called yet."""
        self.name = name
        self._path = rest
        self._settings = settings
        self._function = _load(name, rest)
        parameters = list(_parameters(self._function))
        self._takes_messages = parameters[:1] == ["messages"]

    async def describe(self) -> ModelInfo:
        """See :meth:`ChatModel.describe`; the digest is of the module's source."""
        return ModelInfo(
            name=self.name,
            provider="python",
            model=self._path,
            digest=fingerprint("model", [self._path, _source(self._function)]),
            identity="name",  # what the module imports may have changed
            server=f"Python {sys.version_info.major}.{sys.version_info.minor}",
        )

    async def chat(self, request: ChatRequest) -> Reply:
        """See :meth:`ChatModel.chat`."""
        if not self._takes_messages and len(request.messages) > 1:
            raise RequestRefused(
                f"The function of {printable(self.name)!r} takes one prompt, but this "
                "is a conversation (several turns or a system prompt); give it a "
                "first parameter named 'messages'."
            )
        argument: Any = (
            [message._asdict() for message in request.messages]
            if self._takes_messages
            else request.messages[-1].content
        )
        started = time.perf_counter()
        async with time_limit(
            self._settings.timeout_s, f"The function of {self.name!r}"
        ):
            try:
                answer = await self._call(argument)
            except (ProviderError, TimeoutError):
                raise
            except Exception as error:  # noqa: BLE001 - anybody's code, anybody's fault
                # Not its message: an application may quote the prompt in it.
                raise ServerFault(
                    f"The function of {printable(self.name)!r} raised "
                    f"{type(error).__name__}{_location(error)}."
                ) from None
        return self._reply(answer, time.perf_counter() - started)

    async def _call(self, argument: Any) -> Any:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(argument)
        answer = await asyncio.to_thread(self._function, argument)
        return await answer if inspect.isawaitable(answer) else answer

    def _reply(self, answer: Any, seconds: float) -> Reply:
        if isinstance(answer, str):
            return build_reply(answer, latency_s=seconds)
        text = answer.get("text") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise BadAnswer(
                f"The function of {printable(self.name)!r} returned "
                f"{type(answer).__name__}, not a string or a dictionary with 'text'."
            )
        return build_reply(
            text,
            reasoning=str(answer.get("reasoning") or ""),
            finish=answer.get("finish") or "stop",
            tool_call=bool(answer.get("tool_calls")),
            source=f"The function of {printable(self.name)!r}",
            tokens_in=_count(answer.get("tokens_in")),
            tokens_out=_count(answer.get("tokens_out")),
            latency_s=seconds,
            model=str(answer.get("model") or ""),
        )

    async def unload(self) -> None:
        """Do nothing: what the application loaded is its own affair."""

    async def aclose(self) -> None:
        """Do nothing."""


def _load(name: str, path: str) -> Callable[..., Any]:
    module, colon, function = path.partition(":")
    if not (module and colon and function):
        raise ConfigError(
            f"{printable(name)!r} names no function; "
            "write 'python:package.module:function'."
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        target: Any = importlib.import_module(module)
        for part in function.split("."):
            target = getattr(target, part)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - anybody's module
        raise ConfigError(
            f"The function of {printable(name)!r} could not be imported: "
            f"{type(error).__name__}: {printable(str(error))}{_location(error)}."
        ) from None
    if not callable(target):
        raise ConfigError(f"{printable(path)!r} is not a function.")
    loaded: Callable[..., Any] = target
    return loaded


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()


def _source(function: Callable[..., Any]) -> str:
    module = inspect.getmodule(function)
    file = getattr(module, "__file__", None)
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
    except OSError:
        return ""


def _location(error: BaseException) -> str:
    """Return where in the user's code it happened: file and line."""
    trace, location = error.__traceback__, ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        own = trace.tb_frame.f_globals.get("__name__") == __name__
        if not own and file.suffix == ".py":
            location = f" at {file.name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return location


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
