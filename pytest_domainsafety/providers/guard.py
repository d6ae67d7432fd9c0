"""The door of the room: what leaves a provider holds no key, no prompt and no frames.

Every model that is made is behind it (:func:`guarded`), those of other people's
packages too: the judge is a model like any other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from pytest_domainsafety.errors import BadAnswer, DomainSafetyError
from pytest_domainsafety.providers.base import (
    FINISHES,
    ChatModel,
    HoldsModels,
    cancels_us,
)
from pytest_domainsafety.providers.crash_report import report_crash
from pytest_domainsafety.providers.redaction import long_keys, strike, without
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import ChatRequest, ModelInfo, Reply


def guarded(model: ChatModel, crash_folder: Path | None = None) -> ChatModel:
    """Return the same model, whose words are struck and whose crashes are answers.

    Args:
        model: Anybody's.
        crash_folder: Where tracebacks are kept; None keeps none.
    """
    kind = GuardedHolder if isinstance(model, HoldsModels) else Guarded
    return kind(model, crash_folder)


# A server may say of one request what it fell over at another: so what was asked last
# is struck, too. Of all models, since one server may have several.
MOST_LATELY = 32
_asked: deque[tuple[str, ...]] = deque(maxlen=MOST_LATELY)


def _with_lately(messages: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*messages, *chain.from_iterable(_asked))))


class Guarded:
    """A model behind the door; what else it can do is to be had of it as before."""

    def __init__(self, model: Any, crash_folder: Path | None) -> None:
        """Know the model, and where tracebacks go."""
        self._model = model
        self._folder = crash_folder
        # Found once: there are thousands of replies, and few keys.
        self._keys = long_keys()
        self.name: str = model.name

    def __getattr__(self, name: str) -> Any:
        """Return what only some models have."""
        return getattr(self._model, name)

    async def describe(self) -> ModelInfo:
        """See :meth:`ChatModel.describe`."""
        with self._door():
            info: ModelInfo = await self._model.describe()
            return _struck_info(info)

    async def chat(self, request: ChatRequest) -> Reply:
        """See :meth:`ChatModel.chat`; what fails in a way of its own is a bad answer.

        Raises:
            ProviderError: As a provider says it, or `BadAnswer`.
        """
        messages = tuple(message.content for message in request.messages)
        with self._door(messages):
            reply: Reply = await self._model.chat(request)
            return self._struck_reply(reply, messages)

    async def unload(self) -> None:
        """See :meth:`ChatModel.unload`; never raises."""
        try:
            await self._model.unload()
        except Exception as error:  # noqa: BLE001 - a nuisance, not a fault
            report_crash(error, self._folder)

    async def aclose(self) -> None:
        """See :meth:`ChatModel.aclose`; what fails in it has no request to fail."""
        try:
            await self._model.aclose()
        except Exception as error:  # noqa: BLE001 - the run is over for it
            report_crash(error, self._folder)

    def _struck_reply(self, reply: Reply, messages: tuple[str, ...]) -> Reply:
        """Return a reply that holds no key, whose names hold nothing of the request.

        What else is in its text and trace is a model's answer, and stays in the store.
        """
        changed = {
            "text": without(self._keys, reply.text),
            "reasoning": without(self._keys, reply.reasoning),
        }
        if reply.finish_word.casefold() not in FINISHES:
            changed["finish_word"] = strike(reply.finish_word, messages)
        if reply.model not in self.name:
            changed["model"] = strike(reply.model, messages)
        differs = any(getattr(reply, name) != text for name, text in changed.items())
        return reply.model_copy(update=changed) if differs else reply

    @contextmanager
    def _door(self, messages: tuple[str, ...] = ()) -> Iterator[None]:
        _asked.append(messages)
        try:
            yield
        except DomainSafetyError as error:
            raise struck(error, _with_lately(messages)) from None
        except BaseException as error:
            # Also SystemExit and the like, which would end the engine's thread.
            if cancels_us(error):
                raise
            raise BadAnswer(
                f"An answer for {printable(self.name)!r} could not be read: "
                f"{report_crash(error, self._folder, _with_lately(messages))}."
            ) from None


class GuardedHolder(Guarded):
    """One whose server loads and unloads models by itself."""

    async def is_loaded(self) -> bool:
        """See :meth:`HoldsModels.is_loaded`; never raises."""
        try:
            return bool(await self._model.is_loaded())
        except Exception as error:  # noqa: BLE001 - nobody knows, so not
            report_crash(error, self._folder)
            return False


def struck(
    error: DomainSafetyError, messages: tuple[str, ...] = ()
) -> DomainSafetyError:
    """Return an error with its sentence struck, and all else as it was."""
    said = str(error)
    left = strike(said, messages)
    if left != said:
        error.args = (left,)
    return error


# Typed by the user, or hashed as it is.
_NOT_SAID = frozenset({"name", "digest", "template_hash", "system_prompt"})


def _struck_info(info: ModelInfo) -> ModelInfo:
    changed: dict[str, Any] = {}
    for name, value in info:
        if isinstance(value, str) and name not in _NOT_SAID:
            changed[name] = strike(value)
        elif isinstance(value, tuple):
            changed[name] = tuple(map(strike, value))
    return info.model_copy(update=changed)
