"""What a server takes of a request: what it refuses is learnt, and left out then.

A refusal names what it is about in many ways: ``param``, ``loc``, a sentence, an error
inside an error. So what it seems to name is left out by way of trial, and learnt only
if the server then stops complaining; nobody need understand its words in full. A part
may have other forms, which are tried before it is left out.

Nothing is learnt in silence: each reply tells what its request had to do without
(:attr:`~pytest_domainsafety.types.Reply.adapted`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from pytest_domainsafety.providers.bodies import Answer
from pytest_domainsafety.providers.http import is_too_long

__all__ = ["SYSTEM", "Dialect", "Part"]


class Part(NamedTuple):
    """A part of a request that not every server takes.

    Attributes:
        name: In the manifest and in reports.
        forms: The ways in which it can be asked for, the one that is meant first.
        words: By which refusals name it, besides its name and its forms.
        late: Whether it may come to grief as late as in a template or a sampler, which
            some servers call their own fault (500).
    """

    name: str
    forms: tuple[str, ...] = ("",)
    words: tuple[str, ...] = ()
    late: bool = False

    @property
    def names(self) -> frozenset[str]:
        """All words for it."""
        return frozenset(filter(None, (self.name, *self.forms, *self.words)))


SYSTEM = Part(
    "system role",
    words=(
        "system message",
        "system prompt",
        "system instruction",
        "developer instruction",
        "'system' role",
        '"system" role',
        "role 'system'",
        'role "system"',
        "role: system",
        "roles must alternate",
        "only user and assistant roles",
        "messages.role",
    ),
    late=True,
)
"""The role, not the text, which then stands before the user's first message."""

Forms = Mapping[str, str | None]
"""Part → the form in which it is asked for; None leaves it out."""

_UNSUPPORTED = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.NOT_IMPLEMENTED,
)
# OpenAI forbids logprobs of some models; OpenRouter finds nobody who takes a field.
_NAMED_ONLY = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
# After these nobody can say any more that the part was the trouble, nor that it wasn't;
# but the server has stopped complaining of it, where it named it.
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
# Characters of a refusal that are read.
MOST_READ = 20_000


class Dialect:
    """What is known of what one model's servers take.

    Args:
        parts: What may be refused.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        """Begin with everything as it is meant."""
        self._parts = {part.name: part for part in parts}
        self._learnt = dict.fromkeys(self._parts, 0)

    async def send(
        self,
        post: Callable[[Forms], Awaitable[Answer]],
        asked: Collection[str],
        *,
        settled: Callable[[Answer], bool] = lambda _: False,
    ) -> tuple[Answer, tuple[str, ...]]:
        """Send a request, and again without what the server says it can't take.

        Args:
            post: Sends it in the forms that are asked for.
            asked: The parts that this request has.
            settled: Whether a refusal is about something else.

        Returns:
            The answer; where leaving out helped nothing, the first refusal. And what
            of the request was left out or put in another form.
        """
        trial = _Trial(self._parts, self._learnt, asked)
        first: Answer | None = None
        while True:
            answer = await post(self._forms(trial.at))
            status = answer.status_code
            if not _may_refuse(answer) or settled(answer) or is_too_long(answer):
                break
            first = first or answer
            complaint = read_complaint(answer, list(self._parts.values()))
            if not trial.next(complaint, self._learnt):
                return first, ()
        if 200 <= status < 300 or status in _BUSY:
            for name, at in trial.at.items():
                if status not in _BUSY or name not in trial.unnamed:
                    self._learnt[name] = max(self._learnt[name], at)
        return answer, tuple(self._words(trial.at, asked))

    def _forms(self, at: Mapping[str, int]) -> dict[str, str | None]:
        return {
            name: part.forms[at[name]] if at[name] < len(part.forms) else None
            for name, part in self._parts.items()
        }

    def _words(self, at: Mapping[str, int], asked: Collection[str]) -> Iterator[str]:
        for name, form in self._forms(at).items():
            if name in asked and at[name]:
                yield name if form is None else f"{name} as {form}"


class Complaint(NamedTuple):
    """What a refusal says.

    Attributes:
        named: Parts that it names, the likeliest first.
        general: Whether it speaks of fields at all.
    """

    named: tuple[str, ...]
    general: bool


class _Trial:
    """One request's way from what is known to what the server takes."""

    def __init__(
        self, parts: Mapping[str, Part], learnt: Mapping[str, int], asked: Any
    ) -> None:
        self._parts = parts
        self._asked = asked
        self.at = dict(learnt)
        self._before = dict(learnt)
        self._tried: set[str] = set()
        self._last: str | None = None
        self._complaint: Complaint | None = None
        self._all = False
        # Left out although no refusal named them: by a guess, which an answer alone
        # shows to have been right.
        self.unnamed: set[str] = set()

    def next(self, complaint: Complaint, learnt: Mapping[str, int]) -> bool:
        """Take the next step; False where there is none left."""
        if any(learnt[name] > at for name, at in self._before.items()):
            # Another request in flight has found it out meanwhile.
            self._before = dict(learnt)
            for name, at in learnt.items():
                self.at[name] = max(self.at[name], at)
            return True
        if self._last is not None and complaint == self._complaint:
            if self._can_go_on(self._last):
                self.at[self._last] += 1
                return True
            self.at[self._last] = self._before[self._last]  # it was not that
        self._complaint, self._last = complaint, None
        for name in complaint.named:
            if name in self._asked and name not in self._tried:
                self._tried.add(name)
                if self._can_go_on(name):
                    self.at[name] += 1
                    self._last = name
                    return True
        return self._leave_out_all(complaint)

    def _can_go_on(self, name: str) -> bool:
        return self.at[name] < len(self._parts[name].forms)

    def _leave_out_all(self, complaint: Complaint) -> bool:
        """Leave out all that is named; where nothing is, all but what is needed."""
        together = [name for name in complaint.named if name in self._asked]
        if not together and complaint.general:
            together = [
                name for name in self._asked if name not in ("max_tokens", SYSTEM.name)
            ]
            self.unnamed.update(together)
        together = [name for name in together if self._can_go_on(name)]
        if self._all or not together:
            return False
        self._all = True
        for name in together:
            self.at[name] = len(self._parts[name].forms)
        return True


def _may_refuse(answer: Answer) -> bool:
    status = answer.status_code
    server = HTTPStatus.INTERNAL_SERVER_ERROR
    return status in (*_UNSUPPORTED, *_NAMED_ONLY, server)


# ── reading a refusal ───────────────────────────────────────────────────────

_PLACES = frozenset(
    {"param", "params", "parameter", "loc", "field", "fields", "pointer"}
)
_ECHOED = frozenset({"input", "request", "body", "messages", "prompt"})
_SAYS_NO = re.compile(
    r"n.t support|not support|unsupported|unknown|unrecogni[sz]ed|unexpected|extra|"
    r"not (?:permitted|allowed|implemented|enabled|available)|unavailable|invalid|only|"
    r"deprecated|must|can(?:not|.t)|failed|forbidden|disallowed|no longer|refused"
)
_OF_FIELDS = re.compile(
    r"parameter|argument|\bfields?\b|propert|extra inputs|unrecogni[sz]ed|unsupported|"
    r"unknown name|not permitted|not implemented|schema"
)


def read_complaint(answer: Answer, parts: Sequence[Part]) -> Complaint:
    """Return what a refusal is about, whatever its shape."""
    text = answer.content.decode(errors="replace")[:MOST_READ]
    told = _Told([], [])
    _gather(_json(text), told)
    said = "\n".join(told.sentences or [text]).casefold()
    if answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        parts = [part for part in parts if part.late]
    by_place = [
        part.name for place in told.places for part in parts if _is_at(part, place)
    ]
    named = tuple(dict.fromkeys((*by_place, *_by_words(said, parts))))
    general = answer.status_code in _UNSUPPORTED and bool(_OF_FIELDS.search(said))
    return Complaint(named, general)


class _Told(NamedTuple):
    places: list[str]
    sentences: list[str]


def _json(text: str) -> Any:
    """Return the JSON in a text, the text itself where it is none."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _gather(value: Any, told: _Told, depth: int = 0) -> None:
    """Collect places and sentences, also of an error inside an error."""
    if depth > 12:  # as deep as gateways wrap each other, and more
        return
    if isinstance(value, str):
        inner = _json(value) if depth else value
        if inner is value:
            told.sentences.append(value)
        else:
            _gather(inner, told, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _gather(item, told, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in _PLACES and isinstance(item, (str, list)):
                steps = item if isinstance(item, list) else re.split(r"[\W]+", item)
                told.places.append(
                    ".".join(s.casefold() for s in steps if isinstance(s, str) and s)
                )
            elif key not in _ECHOED:
                _gather(item, told, depth + 1)


def _is_at(part: Part, place: str) -> bool:
    """Tell whether a path (``body.response_format.json_schema``) leads to a part."""
    steps = [step for step in place.split(".") if not step.isdigit()]
    dotted = f".{'.'.join(steps)}."
    return any(f".{name}." in dotted for name in part.names)


def _by_words(said: str, parts: Sequence[Part]) -> list[str]:
    """Return the parts that a text names, those beside a no first."""
    noes = [match.start() for match in _SAYS_NO.finditer(said)]
    found = []
    for part in parts:
        words = "|".join(re.escape(name) for name in sorted(part.names))
        for match in re.finditer(rf"(?<![a-z0-9_])(?:{words})(?![a-z0-9_])", said):
            away = min((abs(match.start() - no) for no in noes), default=MOST_READ)
            found.append((away, match.start(), part.name))
    return [name for _, _, name in sorted(found)]
