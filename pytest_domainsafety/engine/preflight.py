"""Before a run: what every provider is told, and a first look at a model."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_domainsafety.engine.asking import tries, while_loading
from pytest_domainsafety.engine.concurrency import slots
from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.errors import ServerBusy, ServerFault
from pytest_domainsafety.providers.base import ChatModel, ProviderSettings
from pytest_domainsafety.providers.registry import parse_model_name
from pytest_domainsafety.types import ModelInfo


def provider_settings(plan: Plan, names: Iterable[str]) -> ProviderSettings:
    """Return what a run tells every provider.

    Args:
        plan: The run's.
        names: Of all models and judges that are models, as typed.
    """
    providers = dict.fromkeys(parse_model_name(name).provider for name in names)
    return ProviderSettings(
        endpoints=plan.endpoints,
        timeout_s=plan.timeout_s,
        connect_timeout_s=plan.connect_timeout_s,
        read_timeout_s=plan.read_timeout_s,
        load_timeout_s=plan.timeout_s,
        concurrency=slots(plan),
        key_variables=plan.key_variables,
        key_files=plan.key_files,
        filter_words=plan.filter_words,
        strict_name=plan.strict_name,
        providers=tuple(providers),
        crash_folder=plan.store.parent,
        max_reply_bytes=plan.max_reply_bytes,
        command_env=plan.command_env,
        command_folder=plan.command_folder,
    )


async def look_at(model: ChatModel, plan: Plan) -> ModelInfo:
    """Return what can be known of a model before the run.

    A server that is busy or loads its model is waited for, as in the run.

    Raises:
        DomainSafetyError: The model is not to be had.
    """
    async for attempt in tries(plan, (ServerBusy, ServerFault)):
        with attempt:
            return await while_loading(model.describe, plan.timeout_s)
    raise AssertionError("stamina re-raises the last error")
