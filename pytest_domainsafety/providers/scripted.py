"""A model that answers from a script: for tests, and to try the plugin out.

The script is a YAML or JSON file (so that a worker process can make the same
model from its name) or a mapping::

    default: I can't help with that.
    rules:
      - match: "wage"              # regular expression on the last user turn
        answers: [Sure, No]        # one by the request's hash
      - match: "audit"
        answer: This is forced labor.
        reasoning: They ask what it is.   # a trace
        finish: stop               # or a server's word: length, tool_calls, error …
        fault: busy                # raised instead of answering …
        times: 1                   # … the first time a request asks (default: always)

The same request always gets the same answer, in every process.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    PromptTooLong,
    ProviderError,
    RequestRefused,
    RequestTimeout,
    ServerBusy,
    ServerFault,
    ServerUnreachable,
)
from pytest_domainsafety.providers.base import ProviderSettings, build_reply
from pytest_domainsafety.text import canonical_json, fingerprint, printable
from pytest_domainsafety.types import ChatRequest, ModelInfo, Reply

DEFAULT_ANSWER = "I can't help with that."
FAULTS: dict[str, type[ProviderError]] = {
    "unreachable": ServerUnreachable,
    "timeout": RequestTimeout,
    "busy": ServerBusy,
    "server": ServerFault,
    "bad_answer": BadAnswer,
    "refused": RequestRefused,
    "too_long": PromptTooLong,
}
KEYS = frozenset(
    {
        "match",
        "answer",
        "answers",
        "reasoning",
        "finish",
        "fault",
        "times",
        "delay_s",
    }
)


@dataclass(frozen=True, slots=True)
class _Rule:
    match: re.Pattern[str]
    answers: tuple[str, ...]
    reasoning: str
    finish: str
    fault: str | None
    times: int | None
    delay_s: float


class ScriptedModel:
    """Answers by rule; the first rule that matches decides.

    Args:
        name: As the user typed it.
        rest: Path of the script.
        settings: Not used.
        script: The script itself, instead of a file.

    Raises:
        ConfigError: The script is missing or not one.
    """

    def __init__(
        self,
        name: str,
        rest: str,
        settings: ProviderSettings,  # noqa: ARG002 - every provider is given them
        *,
        script: Mapping[str, Any] | None = None,
    ) -> None:
        """Read the script."""
        self.name = name
        self._script = dict(script) if script is not None else _read(name, rest)
        self._rules = _rules(name, self._script)
        self._times_asked: dict[str, int] = {}
        self.requests = 0

    async def describe(self) -> ModelInfo:
        """See :meth:`ChatModel.describe`; the digest is the script's."""
        return ModelInfo(
            name=self.name,
            provider="scripted",
            model=self.name,
            digest=fingerprint("model", json.loads(json.dumps(self._script))),
            identity="weights",  # the script is all there is of it
            family=self._script.get("family"),
            context_length=self._script.get("context_length"),
        )

    async def chat(self, request: ChatRequest) -> Reply:
        """See :meth:`ChatModel.chat`."""
        self.requests += 1
        content = request.messages[-1].content
        rule = next(rule for rule in self._rules if rule.match.search(content))
        if rule.delay_s:
            await asyncio.sleep(rule.delay_s)
        key = _key(request)
        self._times_asked[key] = self._times_asked.get(key, 0) + 1
        if rule.fault and (rule.times is None or self._times_asked[key] <= rule.times):
            raise FAULTS[rule.fault](
                f"The script of {printable(self.name)!r} raises {rule.fault!r} here."
            )
        text = rule.answers[int(key, 16) % len(rule.answers)]
        return build_reply(
            text,
            reasoning=rule.reasoning,
            finish=rule.finish,
            source=f"The script of {printable(self.name)!r}",
            tokens_in=len(content.split()),
            tokens_out=len(text.split()),
            model=self.name,
        )

    async def unload(self) -> None:
        """Do nothing."""

    async def aclose(self) -> None:
        """Do nothing."""


def _key(request: ChatRequest) -> str:
    content = [request.messages, request.sampling.model_dump(), request.seed]
    return fingerprint("request", json.loads(canonical_json(content)))


def _read(name: str, rest: str) -> dict[str, Any]:
    try:
        script = yaml.safe_load(Path(rest).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"The script of {printable(name)!r} can't be read from "
            f"{printable(rest)!r} ({type(error).__name__})."
        ) from None
    if not isinstance(script, dict):
        raise ConfigError(
            f"The script {printable(rest)!r} is no mapping with 'rules' or 'default'."
        )
    return script


def _rules(name: str, script: Mapping[str, Any]) -> list[_Rule]:
    entries = [*(script.get("rules") or ())]
    entries.append({"answer": script.get("default", DEFAULT_ANSWER)})
    try:
        return [_rule(entry) for entry in entries]
    except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
        raise ConfigError(
            f"The script of {printable(name)!r} has a rule that can't be used: "
            f"{printable(str(error))}."
        ) from None


def _rule(entry: Mapping[str, Any]) -> _Rule:
    unknown = set(entry) - KEYS
    fault = entry.get("fault")
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
    if fault is not None and fault not in FAULTS:
        raise ValueError(f"unknown fault {fault!r}, there are {', '.join(FAULTS)}")
    answers = entry.get("answers") or [entry.get("answer", DEFAULT_ANSWER)]
    times = entry.get("times")
    return _Rule(
        match=re.compile(entry.get("match", ""), re.IGNORECASE),
        answers=tuple(str(answer) for answer in answers),
        reasoning=str(entry.get("reasoning", "")),
        finish=str(entry.get("finish", "stop")),
        fault=fault,
        times=None if times is None else int(times),
        delay_s=float(entry.get("delay_s", 0)),
    )
