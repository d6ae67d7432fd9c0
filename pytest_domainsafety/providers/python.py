"""The user's own application: a Python function that answers prompts."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    RequestRefused,
    ServerFault,
)
from pytest_domainsafety.providers.base import (
    ProviderSettings,
    build_reply,
    check_length,
)
from pytest_domainsafety.providers.output import pass_on
from pytest_domainsafety.providers.threads import (
    Answer,
    Workplace,
    in_time,
    is_ours,
    is_users,
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
    empty string is silence, since an application has no finish. Where it runs says
    `providers.threads`; whatever it raises is a fault, ``SystemExit`` and
    ``pytest.skip()`` included.

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
        self._who = f"The function of {printable(name)!r}"
        self._function = _load(name, rest, settings.timeout_s)
        parameters = list(_parameters(self._function))
        self._takes_messages = parameters[:1] == ["messages"]
        self._places = Workplace(self._who, settings.timeout_s)

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
        said: list[str] = []
        reply = ""
        try:
            started = time.perf_counter()
            answer = await self._call(argument, said)
            seconds = time.perf_counter() - started
            reply = _reply_in(answer.value)
        finally:
            pass_on(said, request, reply)
        if answer.error is not None:
            # Not its message: an application may quote the prompt in it.
            raise ServerFault(
                f"{self._who} raised {type(answer.error).__name__}"
                f"{_location(answer.error)}."
            )
        return self._reply(answer.value, seconds)

    async def _call(self, argument: Any, said: list[str]) -> Answer:
        """Return what became of one call, whichever way the function is written."""
        if _is_async(self._function):
            return await self._places.await_(lambda: self._function(argument), said)
        answer = await self._places.call(lambda: self._function(argument), said)
        if inspect.isawaitable(answer.value):
            return await self._places.await_(lambda: answer.value, said)
        return answer

    def _reply(self, answer: Any, seconds: float) -> Reply:
        fields = answer if isinstance(answer, dict) else {"text": answer}
        text = fields.get("text")
        if not isinstance(text, str):
            raise BadAnswer(
                f"{self._who} returned {type(answer).__name__}, "
                "not a string or a dictionary with 'text'."
            )
        reasoning = str(fields.get("reasoning") or "")
        check_length(
            len(text) + len(reasoning), self._settings.max_reply_bytes, self._who
        )
        return build_reply(
            str.__str__(text),  # of a class below str: the characters alone
            reasoning=reasoning,
            finish=fields.get("finish") or "stop",
            tool_call=bool(fields.get("tool_calls")),
            source=self._who,
            tokens_in=fields.get("tokens_in"),
            tokens_out=fields.get("tokens_out"),
            latency_s=seconds,
            model=str(fields.get("model") or ""),
        )

    async def unload(self) -> None:
        """Do nothing: what the application loaded is its own affair."""

    async def aclose(self) -> None:
        """Let the threads end that are idle; what does not come back is left."""
        self._places.close()


def _reply_in(value: Any) -> str:
    """Return the text that a function answered with, or ''."""
    text = value.get("text") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""


def _load(name: str, path: str, seconds: float) -> Callable[..., Any]:
    module, colon, function = path.partition(":")
    if not (module and colon and function):
        raise ConfigError(
            f"{printable(name)!r} names no function; "
            "write 'python:package.module:function'."
        )
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    said: list[str] = []
    answer = in_time(lambda: _find(module, function), seconds, said)
    if answer is None:
        raise ConfigError(
            f"The module of {printable(name)!r} was not imported within {seconds:g} s; "
            "what takes so long belongs into the function, or allow more with "
            "--safety-timeout."
        )
    error = answer.error
    if error is not None:
        raise ConfigError(
            f"The function of {printable(name)!r} could not be imported: "
            f"{type(error).__name__}: {_words_of(error)}{_location(error)}."
        )
    if not callable(answer.value):
        raise ConfigError(f"{printable(path)!r} is not a function.")
    loaded: Callable[..., Any] = answer.value
    return loaded


def _find(module: str, function: str) -> Any:
    target: Any = importlib.import_module(module)
    for part in function.split("."):
        target = getattr(target, part)
    return target


def _words_of(error: BaseException) -> str:
    try:
        return printable(str(error))
    except Exception:  # noqa: BLE001 - anybody's exception, anybody's __str__
        return "it does not say why"


def _is_async(function: Callable[..., Any]) -> bool:
    """Whether a function, or an object that is called like one, is ``async``."""
    called = getattr(function, "__call__", None)  # noqa: B004 - its code is asked for
    return any(map(inspect.iscoroutinefunction, (function, called)))


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
    """Return where in the user's code it happened: file and line.

    The innermost line that is no library's, else the innermost one.
    """
    trace, frames = error.__traceback__, list[tuple[FrameType, int]]()
    while trace is not None:
        frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    theirs = [(frame, line) for frame, line in frames if is_users(frame)]
    others = [(frame, line) for frame, line in frames if not is_ours(frame)]
    for frame, line in reversed(theirs or others):
        return f" at {Path(frame.f_code.co_filename).name}:{line}"
    return ""
