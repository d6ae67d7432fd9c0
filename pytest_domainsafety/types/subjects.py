"""What is measured and gated: a model under a condition, by one name.

A condition is a system prompt by name; "" is the run's first, or only, one. In memory
`model` names both ("llama3.3+warn"), so that whatever tells models apart tells
conditions apart, too; a file has the model as it was typed and the condition beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import SerializationInfo, field_serializer, model_validator

from pytest_domainsafety.types.words import Door

_JOINED = "+"


def subject_name(model: str, condition: str) -> str:
    """Return the one name of a model under a condition; of a name that has it, that."""
    end = _JOINED + condition
    return model if not condition or model.endswith(end) else model + end


def model_of(subject: str, condition: str) -> str:
    """Return the model's name as it was typed."""
    return subject.removesuffix(_JOINED + condition) if condition else subject


class OfASubject(Door):
    """What is said of one model under one condition."""

    if TYPE_CHECKING:
        model: str
        condition: str

    @model_validator(mode="after")
    def _named_whole(self) -> Self:
        if self.condition:
            whole = subject_name(self.model, self.condition)
            object.__setattr__(self, "model", whole)  # frozen
        return self

    @field_serializer("model", check_fields=False)
    def _as_typed(self, value: str, info: SerializationInfo) -> Any:  # noqa: ARG002
        return model_of(value, self.condition)
