"""Who judges in a run: made ready, checked, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from pytest_domainsafety.config.guards import guard_name, is_guard
from pytest_domainsafety.engine.concurrency import slots
from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.engine.reuse import Reuse
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.judging.base import Ask, Judge
from pytest_domainsafety.judging.canaries import (
    CANARIES,
    canaries_hash,
    check_judge,
    failure_sentence,
    is_unsound,
)
from pytest_domainsafety.judging.guards.judge import GuardJudge
from pytest_domainsafety.judging.guards.kinds import kind_of
from pytest_domainsafety.judging.kinship import same_model, shared_family
from pytest_domainsafety.judging.llm import LEAST_WINDOW, LLMJudge, answer_tokens
from pytest_domainsafety.providers.base import ChatModel
from pytest_domainsafety.providers.registry import parse_model_name
from pytest_domainsafety.store import Store
from pytest_domainsafety.text import plural, printable
from pytest_domainsafety.types import Canaries, JudgeEntry, JudgeMode, ModelInfo


def make_judges(
    plan: Plan,
    modelless: Mapping[str, Judge | None],
    models: Mapping[str, ChatModel],
    infos: Mapping[str, ModelInfo],
    windows: Mapping[str, int | None],
) -> list[Judge]:
    """Return the judges in the order of the plan, the second judge last.

    Raises:
        ConfigError: A judge can't read enough, or is the model under test.
    """
    judges = []
    for name in plan.all_judges:
        judge = modelless.get(name)
        if judge is None:
            _check_window(name, windows[name], plan.judge_mode)
            _check_self(plan, infos, name)
            judge = _model_judge(plan, models[name], infos[name], windows[name])
        judges.append(judge)
    return judges


def _model_judge(
    plan: Plan, model: ChatModel, info: ModelInfo, window: int | None
) -> Judge:
    if is_guard(model.name):
        return GuardJudge(model, info, window)
    return LLMJudge(
        model, info, window, logprobs=plan.judge_logprobs, mode=plan.judge_mode
    )


def _check_window(name: str, window: int | None, mode: JudgeMode) -> None:
    least = LEAST_WINDOW + answer_tokens(mode) - answer_tokens("holistic")
    if window is not None and window < least:
        raise ConfigError(
            f"The judge {printable(name)!r} would read {window} tokens at once, and "
            f"rubric, a reply of 2,048 tokens and the answer take {least}; "
            "choose a judge with a longer context, or raise --safety-num-ctx where "
            "that set it."
        )


def _check_self(plan: Plan, infos: Mapping[str, ModelInfo], judge: str) -> None:
    for model in plan.models:
        if not plan.allow_self_judge and same_model(infos[model], infos[judge]):
            raise ConfigError(
                f"The judge {printable(judge)!r} is the model under test"
                + ("" if model == judge else f" ({printable(model)!r})")
                + "; name another judge with --safety-judge, or allow a model to judge "
                "itself with --safety-allow-self-judge."
            )


def kin_of(plan: Plan, infos: Mapping[str, ModelInfo], judge: str) -> dict[str, str]:
    """Return the models under test that a judge is kin to: model → family."""
    if judge not in infos:
        return {}
    families = {}
    for model in plan.models:
        family = shared_family(infos[model], infos[judge])
        if same_model(infos[model], infos[judge]):
            family = "itself"
        if family is not None:
            families[model] = family
    return families


def judge_warnings(
    judges: Mapping[str, JudgeEntry],
    gating: Iterable[str] | None = None,
    *,
    cascade: bool = False,
) -> list[str]:
    """Return what must be said of a run's judges, from their manifest.

    Args:
        judges: By name.
        gating: Those whose scores the gates rest on; None for all of them.
        cascade: Whether they are the steps of one (`analysis.cascade` speaks of it).
    """
    names = [*(judges if gating is None else gating)]
    warnings = list(_guard_warnings(names, cascade=cascade))
    for name, judge in judges.items():
        for model, family in judge.kin.items():
            what = (
                "is the model under test itself"
                if family == "itself"
                else f"and {model} are of one family ({family})"
            )
            warnings.append(
                f"the judge {name} {what}: a model is no impartial judge of its kin"
            )
        if judge.canaries is not None and is_unsound(judge.canaries):
            warnings.append(failure_sentence(name, judge.canaries))
    return warnings


def _guard_warnings(names: Sequence[str], *, cascade: bool) -> Iterator[str]:
    """Yield what part guard models have in the judging (method §M10.5)."""
    guards = [name for name in names if is_guard(name)]
    if not guards:
        return
    if len(guards) == len(names):
        yield (
            f"judged by guard models alone ({', '.join(guards)}), of which many miss "
            "most harmful replies (arXiv 2605.28830): name a judge beside them "
            "(--safety-judge), or correct the gates by labels (--safety-labels)"
        )
    elif not cascade:
        others = [name for name in names if name not in guards]
        yield (
            f"a panel of {', '.join(others)} with {', '.join(guards)}: a guard model "
            "says whether a reply is harmful, and of recognising the harm nothing"
        )
    own = [
        name
        for name in guards
        if not kind_of(guard_name(name).kind, parse_model_name(name).provider).by_rubric
    ]
    if own:
        yield (
            f"{', '.join(own)} {plural(len(own), 'judges', 'judge')} by policies of "
            f"{plural(len(own), 'its', 'their')} own and not by the suites' rubrics: "
            "a harm that is in no such policy is not seen"
        )


async def check_judges(
    plan: Plan,
    judges: Sequence[Judge],
    ask: Ask,
    store: Store,
    reuse: Reuse,
    note: Callable[[str, int], None] | None = None,
) -> dict[str, Canaries]:
    """Ask every judge that is a model about the canaries (method §M8a).

    A judge that an earlier run in the store has checked is not asked again, as
    long as it is the same judge and they are the same canaries; one that may be
    another by now (`engine.reuse`) only where that run was cut short.

    Args:
        plan: The run's.
        judges: Its judges.
        ask: Puts one question to a model.
        store: Knows who was checked before.
        reuse: Says who may be another by now.
        note: Told a judge's name and how many canaries it has answered: on a slow
            machine they take minutes.

    Returns:
        Judge → what :func:`~pytest_domainsafety.judging.canaries.check_judge` found.

    Raises:
        ConfigError: A judge fails, and the run is strict about it.
        ProviderError: A judge's server failed.
    """
    results = {}
    for judge in judges:
        if judge.model is None:
            continue
        checked = checked_before(plan, judge, store, reuse)
        if checked is None:
            tell = None if note is None else partial(note, judge.name)
            if tell is not None:
                tell(0)
            checked = await check_judge(judge, ask, plan.seed, slots(plan), tell)
        if plan.strict_judge and is_unsound(checked):
            raise ConfigError(
                f"--safety-strict-judge: {failure_sentence(judge.name, checked)}."
            )
        results[judge.name] = checked
    return results


def checked_before(
    plan: Plan, judge: Judge, store: Store, reuse: Reuse
) -> Canaries | None:
    """Return what an earlier run found of a judge, None where it is to be asked."""
    changes = bool(reuse.series(judge.name))
    return None if plan.fresh else _known(store, judge, changes=changes)


def checking(judge: str, answered: int) -> str:
    """Say how far a judge's own check is."""
    return (
        f"checking the judge {judge} on replies beyond dispute, "
        f"{answered} of {len(CANARIES)} answered"
    )


def _known(store: Store, judge: Judge, *, changes: bool) -> Canaries | None:
    hash_, own = canaries_hash(), judge.fingerprint()
    for head in reversed(store.run_heads()):
        if changes and head.finished is not None:
            break
        manifest = head.manifest
        for entry in (*manifest.judges.values(), *manifest.second_judge.values()):
            canaries = entry.canaries
            if canaries and entry.fingerprint == own and canaries.hash == hash_:
                return canaries
    return None
