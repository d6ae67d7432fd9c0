"""One model or one judge outside a run: made ready, asked at a pace, and closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from pytest_domainsafety.engine.asking import Asker
from pytest_domainsafety.engine.concurrency import Pacer, context_windows, pacer
from pytest_domainsafety.engine.dialogue import Target
from pytest_domainsafety.engine.judges import make_judges
from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.engine.preflight import look_at, provider_settings
from pytest_domainsafety.engine.tally import Tally
from pytest_domainsafety.judging.base import Judge
from pytest_domainsafety.judging.registry import modelless_judge
from pytest_domainsafety.providers.base import ChatModel
from pytest_domainsafety.providers.output import routed_streams
from pytest_domainsafety.providers.processes import end_with_us
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.types import ModelInfo


class LoneJudge(NamedTuple):
    """A judge that is ready.

    Attributes:
        judge: Itself.
        info: Of its model; None of a judge without one.
        window: What it reads at once, in tokens.
        infos: Of the judge and of the models that it reads.
        asker: Puts its questions.
        pace: How many of them at a time.
        tally: What they cost.
    """

    judge: Judge
    info: ModelInfo | None
    window: int | None
    infos: Mapping[str, ModelInfo]
    asker: Asker
    pace: Pacer
    tally: Tally


class LoneModel(NamedTuple):
    """A model that is ready to be asked."""

    target: Target
    asker: Asker
    pace: Pacer


@asynccontextmanager
async def lone_model(plan: Plan) -> AsyncIterator[LoneModel]:
    """Make the plan's one model ready.

    Args:
        plan: Its model, its sampling, and how to ask.

    Raises:
        ConfigError: The model can't be used.
        ProviderError: The model is not to be had.
    """
    (name,) = plan.models
    async with _made(plan, [name]) as models:
        model = models[name]
        infos = {name: await look_at(model, plan)}
        window = context_windows(plan, infos)[name]
        sampling = plan.sampling.model_copy(update={"num_ctx": window})
        pace = pacer(plan, infos, turns=False)
        asker = Asker(plan, Tally(), pace)
        yield LoneModel(Target(model, infos[name], sampling), asker, pace)


@asynccontextmanager
async def lone_judge(
    plan: Plan, targets: Mapping[str, ModelInfo]
) -> AsyncIterator[LoneJudge]:
    """Make the plan's one judge ready.

    Args:
        plan: Its judge, and how to ask.
        targets: What is known of the models whose replies it reads.

    Raises:
        ConfigError: The judge can't be used.
        ProviderError: The judge is not to be had.
    """
    (name,) = plan.judges
    infos = dict(targets)
    modelless = modelless_judge(name)
    async with _made(plan, [name] if modelless is None else []) as models:
        for model in models.values():
            infos[name] = await look_at(model, plan)
        windows = context_windows(plan, infos)
        (judge,) = make_judges(plan, {name: modelless}, models, infos, windows)
        tally = Tally()
        own = {n: infos[n] for n in models}
        pace = pacer(plan, own, turns=False)
        asker = Asker(plan, tally, pace)
        yield LoneJudge(
            judge, own.get(name), windows.get(name), infos, asker, pace, tally
        )


@asynccontextmanager
async def _made(
    plan: Plan, names: Iterable[str]
) -> AsyncIterator[dict[str, ChatModel]]:
    """Make models, and close them; nothing of what they print or start is left."""
    models: dict[str, ChatModel] = {}
    end_with_us()
    with routed_streams():
        try:
            for name in names:
                models[name] = create_model(name, provider_settings(plan, [name]))
            yield models
        finally:
            for model in models.values():
                await model.aclose()
