"""What is said of one model under one condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import SerializationInfo, field_serializer, model_validator

from pytest_domainsafety.subjects import model_of, subject_name
from pytest_domainsafety.types.words import Door


class OfASubject(Door):
    """Has a `model` that names the condition, too, and as it was typed in files."""

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
