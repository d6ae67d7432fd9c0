"""A command-line product: the prompt goes in, what it prints is the answer."""

from __future__ import annotations

import asyncio
import hashlib
import shlex
import shutil
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path

from pytest_domainsafety.errors import ConfigError, ServerFault, ServerUnreachable
from pytest_domainsafety.providers.base import (
    ProviderSettings,
    build_reply,
    time_limit,
)
from pytest_domainsafety.text import fingerprint, printable
from pytest_domainsafety.types import ChatRequest, Message, ModelInfo, Reply

PROMPT = "{prompt}"


class CommandModel:
    """A program that answers prompts.

    It is started once for each request, without a shell. Where one of its
    arguments holds ``{prompt}`` the prompt stands there (a user's prompt that
    begins with a dash is still one argument's text), else it is written to
    standard input. Sampling settings are the program's own affair.

    Args:
        name: As the user typed it.
        rest: Program and arguments, quoted as for a shell.
        settings: The time-out is used; an endpoint means nothing here.

    Raises:
        ConfigError: The words can't be read, or there is no such program.
    """

    def __init__(self, name: str, rest: str, settings: ProviderSettings) -> None:
        """Look for the program; it is not started yet."""
        try:
            self._words = shlex.split(rest)
        except ValueError as error:
            raise ConfigError(
                f"The command in {printable(name)!r} can't be read: {error}."
            ) from None
        program = shutil.which(self._words[0]) if self._words else None
        if program is None:
            raise ConfigError(
                f"There is no program {printable((self._words or [''])[0])!r} for "
                f"the model {printable(name)!r}; give its path, or put it on the PATH."
            )
        self.name = name
        self._program = program
        self._settings = settings

    async def describe(self) -> ModelInfo:
        """See :meth:`ChatModel.describe`; the digest is of program and arguments."""
        content = hashlib.sha256(Path(self._program).read_bytes()).hexdigest()
        return ModelInfo(
            name=self.name,
            provider="command",
            model=printable(" ".join(self._words)),
            digest=fingerprint("model", [content, self._words[1:]]),
            # Nobody can tell where a program sends what it reads, or what it reads.
            remote=True,
            identity="name",
        )

    async def chat(self, request: ChatRequest) -> Reply:
        """See :meth:`ChatModel.chat`."""
        prompt = as_text(request.messages)
        as_argument = any(PROMPT in word for word in self._words[1:])
        # No program can be given a NUL in an argument.
        shown = prompt.replace("\0", "\ufffd")
        words = [word.replace(PROMPT, shown) for word in self._words[1:]]
        started = time.perf_counter()
        try:
            process = await asyncio.create_subprocess_exec(
                self._program,
                *words,
                stdin=DEVNULL if as_argument else PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise ServerUnreachable(
                f"The program {self._program!r} could not be started "
                f"({type(error).__name__})."
            ) from None
        sent = None if as_argument else prompt.encode("utf-8", "replace")
        output = await self._finish(process, sent)
        seconds = time.perf_counter() - started
        return build_reply(output.decode("utf-8", "replace"), latency_s=seconds)

    async def _finish(self, process: Process, sent: bytes | None) -> bytes:
        try:
            async with time_limit(
                self._settings.timeout_s, f"The program {self._program!r}"
            ):
                output, _ = await process.communicate(sent)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise ServerFault(
                f"The program {self._program!r} ended with status "
                f"{process.returncode}; run it by hand to see why."
            )
        return output

    async def unload(self) -> None:
        """Do nothing: nothing stays in memory."""

    async def aclose(self) -> None:
        """Do nothing: every program ended with its request."""


def as_text(messages: tuple[Message, ...]) -> str:
    """Return a conversation as one text: a lone user turn as it is."""
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in messages)
