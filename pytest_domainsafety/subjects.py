"""What is measured and gated: a model under a condition, by one name.

A condition is a system prompt by name; "" is the run's first, or only, one. In memory
`model` names both ("llama3.3+warn"), so that whatever tells models apart tells
conditions apart, too; a file has the model as it was typed and the condition beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_JOINED = "+"
NO_PROMPT = "none"
"""What names the condition without a system prompt."""


class Condition(NamedTuple):
    """A system prompt, and the name by which records know it; None sends none."""

    name: str
    text: str | None


class Subject(NamedTuple):
    """What is gated: a model, and what it is told before it is asked.

    Attributes:
        model: As it was typed.
        condition: Its name; empty for the run's first.
        system_prompt: None where none is sent.
    """

    model: str
    condition: str
    system_prompt: str | None

    @property
    def name(self) -> str:
        """The one name of both."""
        return subject_name(self.model, self.condition)


def subjects_of(
    models: Iterable[str], conditions: Sequence[Condition]
) -> Iterator[Subject]:
    """Yield what is gated, condition by condition of each model.

    Args:
        models: As they were typed.
        conditions: The run's, the first one first; without any, no prompt is sent.
    """
    first, *more = conditions or (Condition("", None),)
    for model in models:
        yield Subject(model, "", first.text)
        for condition in more:
            yield Subject(model, *condition)


def subject_name(model: str, condition: str) -> str:
    """Return the one name of a model under a condition; of a name that has it, that."""
    end = _JOINED + condition
    return model if not condition or model.endswith(end) else model + end


def model_of(subject: str, condition: str) -> str:
    """Return the model's name as it was typed."""
    return subject.removesuffix(_JOINED + condition) if condition else subject
