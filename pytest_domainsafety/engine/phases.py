"""Which model a server holds: whether to run in phases, and whose turn it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.judging.base import Judge
from pytest_domainsafety.providers.base import ChatModel, HoldsModels
from pytest_domainsafety.types import ModelInfo

if TYPE_CHECKING:
    from pytest_domainsafety.engine.turns import Turns


class Residency:
    """Sees to it that a server changes models once a phase (design §D4.3).

    Args:
        plan: What to run.
        models: All models that are asked, targets and judges, by name.
        infos: What is known of them.
        judges: In the order of their stages.
    """

    def __init__(
        self,
        plan: Plan,
        models: Mapping[str, ChatModel],
        infos: Mapping[str, ModelInfo],
        judges: Sequence[Judge],
    ) -> None:
        """Know of no model that is loaded."""
        self._plan = plan
        self._models = models
        self._infos = infos
        self._judges = judges
        self._turns: Turns | None = None
        self._on_server: str | None = None

    @property
    def takes_turns(self) -> bool:
        """Whether the processes of this run use a server one after the other."""
        return self._turns is not None

    async def splits(self) -> bool:
        """Say whether to run in phases; several processes then take turns."""
        found = await self._must_split()
        if found and self._plan.share > 1:
            places = {one for info in self._infos.values() for one in info.endpoints}
            if places:
                from pytest_domainsafety.engine.turns import Turns

                self._turns = Turns(self._plan.run, " ".join(sorted(places)))
        return found

    async def _must_split(self) -> bool:
        if self._plan.phases != "auto":
            return self._plan.phases == "split"
        local = [one for one in self._infos.values() if one.provider == "ollama"]
        if len({info.digest for info in local}) < 2:
            return False
        # A server that holds them all now need not change models.
        for model in (self._models[info.name] for info in local):
            if not isinstance(model, HoldsModels) or not await model.is_loaded():
                return True
        return False

    def note_judges(self) -> None:
        """Note that the judges were asked, so that the last of them is loaded."""
        asked = [judge.name for judge in self._judges if judge.model is not None]
        self._on_server = asked[-1] if asked else None

    async def change(self, old: str | None, new: str | None) -> None:
        """Get the server ready for another stage's model."""
        model = self._model_of(new)
        if old is not None:
            self.give_back()
        if model is None:
            return
        last = self._on_server
        if self._turns is not None:
            last = await self._turns.take(model.name)
        if last is not None and last != model.name and last in self._models:
            await self._models[last].unload()
        self._on_server = model.name

    def give_back(self) -> None:
        """Let another process of this run have the server."""
        if self._turns is not None:
            self._turns.give_back()

    def _model_of(self, stage: str | None) -> ChatModel | None:
        """Return the model that a stage asks; None for one that asks nobody."""
        kind, _, rest = (stage or "").partition(" ")
        if kind == "target":
            return self._models[rest]
        return self._judges[int(rest)].model if kind == "judge" else None
