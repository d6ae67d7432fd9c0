"""A command-line product: the prompt goes in, what it prints is the answer."""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import shutil
import signal
import tempfile
import time
from pathlib import Path

from pytest_domainsafety.errors import (
    ConfigError,
    PromptTooLong,
    ServerFault,
    ServerUnreachable,
    refused_by_system,
)
from pytest_domainsafety.providers.base import ProviderSettings, build_reply
from pytest_domainsafety.providers.filters import is_filters_sentence
from pytest_domainsafety.providers.output import pass_on
from pytest_domainsafety.providers.processes import Ended, run_program
from pytest_domainsafety.providers.redaction import variables
from pytest_domainsafety.text import fingerprint, printable, without_escapes
from pytest_domainsafety.types import ChatRequest, Message, ModelInfo, Reply

PROMPT = "{prompt}"
# What a program gets of the environment (docs/running.md#programs): what it needs to
# be found, to speak the user's language, to reach the network and the graphics card.
# Keys it gets by name alone.
PASSED = frozenset(
    """PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TEMP TMP
    PYTHONPATH PYTHONHOME VIRTUAL_ENV CONDA_PREFIX LD_LIBRARY_PATH DYLD_LIBRARY_PATH
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
    SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS
    OLLAMA_HOST OLLAMA_MODELS HF_HOME DOCKER_HOST
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERPROFILE APPDATA LOCALAPPDATA
    PROGRAMDATA PROGRAMFILES""".split()  # noqa: SIM905
)
PASSED_PREFIXES = ("LC_", "XDG_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_")
# No colours and no progress bars: nobody looks.
PLAIN = {"TERM": "dumb", "NO_COLOR": "1"}


class CommandModel:
    """A program that answers prompts.

    It is started once for each request, without a shell, in an empty folder of its
    own and with few of the environment's variables. Where one of its arguments holds
    ``{prompt}`` the prompt stands there (a user's prompt that begins with a dash is
    still one argument's text), else it is written to standard input. Sampling
    settings are the program's own affair.

    Args:
        name: As the user typed it.
        rest: Program and arguments, quoted as for a shell.
        settings: An endpoint means nothing here.

    Raises:
        ConfigError: The words can't be read, there is no such program, or a variable
            that it shall get is not set.
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
        self._program = str(Path(program).absolute())
        self._who = f"The program {program!r}"
        self._settings = settings
        self._arguments = list(map(_from_here, self._words[1:]))
        self._environment = _passed_on(settings.command_env)

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
        # No program can be given a lone surrogate, or a NUL in an argument.
        sent = as_text(request.messages).encode("utf-8", "replace")
        shown = sent.decode().replace("\0", "\ufffd")
        as_argument = any(PROMPT in word for word in self._arguments)
        words = [word.replace(PROMPT, shown) for word in self._arguments]
        started = time.perf_counter()
        ended = await self._run(words, None if as_argument else sent)
        seconds = time.perf_counter() - started
        if ended.status > 0 and is_filters_sentence(
            _last_words(ended), shown, self._settings.filter_words
        ):
            return build_reply("", finish="content_filter", latency_s=seconds)
        if ended.status:
            raise ServerFault(_why(self._who, ended))
        pass_on([ended.errors.decode("utf-8", "replace")], request)
        output = without_escapes(ended.output.decode("utf-8", "replace"))
        return build_reply(output, latency_s=seconds)

    async def _run(self, words: list[str], sent: bytes | None) -> Ended:
        settings = self._settings
        place = tempfile.TemporaryDirectory(
            prefix="domainsafety-", ignore_cleanup_errors=True
        )
        try:
            with place as own:
                return await run_program(
                    [self._program, *words],
                    sent,
                    folder=settings.command_folder or Path(own),
                    environment=self._environment,
                    seconds=settings.timeout_s,
                    limit=settings.max_reply_bytes,
                    who=self._who,
                )
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise PromptTooLong(
                    f"{self._who} can't be given so long a prompt as an argument; "
                    f"leave {PROMPT} out, and it comes on standard input."
                ) from None
            raise ServerUnreachable(
                f"{self._who} could not be started ({refused_by_system(error)})."
            ) from None

    async def unload(self) -> None:
        """Do nothing: nothing stays in memory."""

    async def aclose(self) -> None:
        """Do nothing: every program ended with its request."""


def as_text(messages: tuple[Message, ...]) -> str:
    """Return a conversation as one text: a lone user turn as it is."""
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in messages)


def _from_here(word: str) -> str:
    """Return an argument that names a file by where the user stands, in full.

    Also ``--option=FILE``. A word without a dot or a slash is no file's name, even
    where there happens to be a file of that name.
    """
    option, equals, named = word.rpartition("=")
    looks_like_one = "." in named or "/" in named or os.sep in named
    if looks_like_one and PROMPT not in word and Path(named).exists():
        return f"{option}{equals}{Path(named).absolute()}"
    return word


def _passed_on(names: tuple[str, ...]) -> dict[str, str]:
    """Return the environment of a program.

    Raises:
        ConfigError: A variable that was asked for is not set.
    """
    for name in names:
        if name not in os.environ:
            raise ConfigError(
                f"--safety-command-env {printable(name)}: there is no such variable "
                "in the environment."
            )
    passed = {
        name: value
        for name, value in variables(os.environ).items()
        if name in names
        or name.upper() in PASSED
        or name.upper().startswith(PASSED_PREFIXES)
    }
    return {**passed, **PLAIN}


def _why(who: str, ended: Ended) -> str:
    """Say how a program failed, in its own last words."""
    if ended.status < 0:
        return f"{who} was ended by {_signal(-ended.status)}."
    last = _last_words(ended)
    said = f": {printable(last)}" if last else ""
    return (
        f"{who} ended with status {ended.status}{said} (it runs in an empty folder and "
        "with few variables: --safety-command-folder, --safety-command-env)."
    )


def _last_words(ended: Ended) -> str:
    """Return the last line of what a program said of its failure."""
    lines = without_escapes(ended.errors.decode("utf-8", "replace")).split("\n")
    return next(filter(None, map(str.strip, reversed(lines))), "")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
