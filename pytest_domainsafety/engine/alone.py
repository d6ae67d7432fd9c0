"""One model or one judge outside a run: made ready, asked at a pace, and closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

from pytest_domainsafety.engine.asking import Asker, Tally
from pytest_domainsafety.engine.concurrency import Pacer, context_windows, pacer
from pytest_domainsafety.engine.dialogue import Target
from pytest_domainsafety.engine.judges import make_judges
from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.engine.preflight import look_at, provider_settings
from pytest_domainsafety.judging.base import Judge
from pytest_domainsafety.judging.registry import modelless_judge
from pytest_domainsafety.providers.base import ChatModel
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
    model = create_model(name, provider_settings(plan, [name]))
    try:
        infos = {name: await look_at(model, plan)}
        window = context_windows(plan, infos)[name]
        sampling = plan.sampling.model_copy(update={"num_ctx": window})
        pace = pacer(plan, infos, turns=False)
        asker = Asker(plan, Tally(), pace)
        yield LoneModel(Target(model, infos[name], sampling), asker, pace)
    finally:
        await model.aclose()


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
    models: dict[str, ChatModel] = {}
    modelless = modelless_judge(name)
    if modelless is None:
        models[name] = create_model(name, provider_settings(plan, [name]))
    try:
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
    finally:
        for model in models.values():
            await model.aclose()
