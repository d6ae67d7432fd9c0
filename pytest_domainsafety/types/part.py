"""What a manifest is made of: JSON objects of which some keys are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import (
    AllowInfNan,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictFloat,
    StrictInt,
    ValidatorFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from pytest_domainsafety.types.words import Door

Number = StrictInt | Annotated[StrictFloat, AllowInfNan(False)]
"""As it is written: 0 does not become 0.0."""
Count = Annotated[StrictInt, Field(ge=0)]


class Part(Door):
    """A JSON object of which some keys are known; the others are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    _order: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _note_order(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Self:
        part: Self = handler(value)
        if isinstance(value, dict):
            part._order = tuple(value)
        return part

    @model_serializer(mode="wrap")
    def _as_written(self, handler: Callable[[Self], dict[str, Any]]) -> dict[str, Any]:
        dumped = handler(self)
        order = dict.fromkeys((*self._order, *dumped))
        there = dumped.keys() & self.model_fields_set  # `include` may ask for a part
        return {name: dumped[name] for name in order if name in there}

    @property
    def known(self) -> bool:
        """Whether anything is known at all: records come without a manifest."""
        return bool(self.model_fields_set)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written."""
        return self.model_dump(mode="python")

    def with_(self, **changes: Any) -> Self:
        """Return it with other values for some keys; new keys come last.

        Raises:
            ValidationError: A value does not fit its key.
        """
        return type(self).model_validate(self.as_json() | changes)
