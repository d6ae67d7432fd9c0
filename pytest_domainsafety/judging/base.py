"""What every judge is, whatever it is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, Protocol

from pytest_domainsafety.providers.base import ChatModel
from pytest_domainsafety.types import ChatRequest, Framing, Judgement, Reply, Rubric

__all__ = ["Ask", "Case", "Judge"]

Ask = Callable[[ChatModel, ChatRequest], Awaitable[Reply]]
"""How a judge puts a question to its model: the engine's, with its retries."""


class Case(NamedTuple):
    """What a judge is shown: one conversation in one framing, never two.

    Attributes:
        turns: What the user asked, turn by turn, up to the one that is judged.
        reply: What the model answered to the last of them.
        framing: Which of the two framings was asked.
        rubric: The domain's rubric.
        domain: The domain's title, for the judge to read.
        part: Which part of a long reply this is, from 1.
        parts: In how many parts it is read.
        earlier: What the model answered to the turns before the last, one each:
            what went before, each judged in a case of its own.
        asks: What the prompt asks for, where the scenario says (`asks`): of the
            operational framing alone, since the two are never in one request.
    """

    turns: tuple[str, ...]
    reply: str
    framing: Framing
    rubric: Rubric
    domain: str
    part: int = 1
    parts: int = 1
    earlier: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()


def joined(answers: Iterable[str]) -> str:
    """Return all that a model answered, turn after turn, for people to read."""
    return "\n\n".join(answer for answer in answers if answer)


class Judge(Protocol):
    """Scores one reply at a time.

    Attributes:
        name: As the user typed it.
    """

    name: str

    @property
    def model(self) -> ChatModel | None:
        """The model behind it; None for a judge that asks nobody."""
        ...

    def fingerprint(self) -> str:
        """Return what tells this judge from another one or an older self."""
        ...

    async def judge(self, case: Case, ask: Ask, seed: int) -> Judgement:
        """Score one case.

        Args:
            case: What is judged.
            ask: Puts a question to the judge's model.
            seed: For a judge that samples.

        Raises:
            ProviderError: The judge's server failed, retries included.
        """
        ...
