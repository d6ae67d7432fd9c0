"""Options and ini values → one frozen :class:`RunConfig`, once a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_domainsafety.config.budget import by_kind
from pytest_domainsafety.config.conditions import read_conditions
from pytest_domainsafety.config.filter_words import read_filter_words
from pytest_domainsafety.config.guards import guard_name, is_guard
from pytest_domainsafety.config.prices import Prices, read_prices
from pytest_domainsafety.config.table import DEFAULT_JUDGE, OPTIONS, PROTOCOLS
from pytest_domainsafety.config.thresholds import (
    ByDomain,
    ThresholdOptions,
    by_domain,
)
from pytest_domainsafety.config.values import typed_value, value_of, written_value
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.subjects import Condition, Subject, subjects_of
from pytest_domainsafety.text import printable

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Everything that a run was told, checked and typed.

    Attributes:
        models: The models under test, as typed.
        judges: The judges, as typed; more than one is a panel.
        protocol: `gate` asks every pair, `study` those marked `core`.
        replications: Samples of each prompt: what was typed, else the protocol's.
        framings: `both` or `operational`.
        conditions: System prompts under which each model is asked; empty for none.
        thresholds: What the options say of them; what holds for a domain says
            `suite.thresholds.resolve`.
        timeout: Seconds for one request, all in all.
        retries: Further tries after a fault that may go away.
        subdomain_threshold: What each sub-domain is held to, ``domain`` for the
            threshold of its domain, ``off`` for nothing.
        cascade: A guard model, and the judge of what it is not sure of: these are
            the judges then.
        cascade_labels: To calibrate it on.
        labels: By which limits are corrected for the judge's error.
        judge_robust: Hold the gates to the widest limit over ways of asking the judge.
        judge_anchor: Have the judges score fixed replies.
        holm: Correct the compliance gates for their number.
        allow_silence: A domain is judged however much of it is empty.
        stop: `decided` skips what can't change a gate any more, `sequential` looks
            at the gates after a third, two thirds and all of their pairs, `anytime`
            after each.
        variants: Which are asked beside the prompt as written: names, or all or none.
        baseline: File of an earlier run, perhaps with `#RUN`.
        baseline_tolerance: A rise of compliance up to this is no regression.
        baseline_margins: Domain → rise that it must rule out by itself; under None
            what all domains together must.
        num_ctx: Context window for each model in tokens; None works it out.
        concurrency: Requests in flight; `auto` finds it, None leaves it to the
            provider.
        budget: What the run may spend, by kind (`config.budget.KINDS`); empty for no
            limit.
        prices: The user's; None where he named none.
    """

    models: tuple[str, ...]
    judges: tuple[str, ...]
    protocol: Literal["gate", "study"]
    replications: int
    framings: str
    temperature: float
    max_tokens: int
    seed: int
    conditions: tuple[Condition, ...]
    thresholds: ThresholdOptions
    subdomain_threshold: float | Literal["domain", "off"]
    labels: Path | None
    cascade: tuple[str, str] | None
    cascade_labels: Path | None
    holm: bool
    allow_silence: bool
    ci: str
    estimand: str
    confidence: float
    resamples: int
    concurrency: int | Literal["auto"] | None
    phases: str
    endpoints: tuple[str, ...]
    key_variables: tuple[str, ...]
    key_files: tuple[str, ...]
    filter_words: tuple[str, ...]
    strict_name: bool
    num_ctx: int | None
    think: bool | None
    timeout: float
    connect_timeout: float
    read_timeout: float | None
    retries: int
    max_reply_bytes: int
    command_env: tuple[str, ...]
    command_folder: Path | None
    store: Path
    store_text: str
    show_text: bool
    fresh: bool
    variants: bool | tuple[str, ...]
    benign: bool
    leak_check: bool
    json: Path | None
    stop: str | None
    locked: bool
    part: bool
    baseline: str | None
    baseline_tolerance: float
    baseline_margins: ByDomain
    baseline_anyway: bool
    html: Path | None
    junit: Path | None
    markdown: Path | None
    codequality: Path | None
    second_judge: str | None
    second_judge_sample: int
    judge_reasoning: bool
    judge_mode: Literal["holistic", "evidence"]
    most_turns: int
    judge_logprobs: bool
    strict_judge: bool
    allow_self_judge: bool
    judge_robust: bool
    judge_anchor: bool
    budget: Mapping[str, float]
    prices: Prices | None

    @property
    def looks(self) -> Literal["sequential", "anytime"] | None:
        """How the gates are looked at before all is asked; None where they are not."""
        if self.stop == "sequential":
            return "sequential"
        return "anytime" if self.stop == "anytime" else None

    @property
    def system_prompt(self) -> str | None:
        """Of the first condition, under which records name none."""
        return self.conditions[0].text if self.conditions else None

    @property
    def system_prompts(self) -> tuple[str, ...]:
        """All that models are told before they are asked."""
        return tuple(one.text for one in self.conditions if one.text is not None)

    @property
    def subjects(self) -> dict[str, Subject]:
        """What is gated, by name: each model under each condition."""
        found = subjects_of(self.models, self.conditions)
        return {subject.name: subject for subject in found}

    @property
    def analytical(self) -> bool:
        """Whether models are asked to identify harms too."""
        return self.framings != "operational"


def read_config(config: pytest.Config) -> RunConfig:
    """Read all options, command line before ini before default.

    Raises:
        ConfigError: A value can't be used; the text names the option.
    """
    values = {option.dest: value_of(config, option) for option in OPTIONS}
    thresholds = _thresholds(config)
    think = {"on": True, "off": False, "server": None}[values["safety_think"]]
    models = _under_test(values["safety_model"] or ())
    conditions = read_conditions(
        config.invocation_params.dir, values["safety_system_prompt"] or ()
    )
    _told_apart(models, conditions)
    return RunConfig(
        models=models,
        judges=_judges(values),
        cascade=values["safety_cascade"],
        cascade_labels=_from_here(
            config, values["safety_cascade_labels"] or values["safety_labels"]
        ),
        protocol=values["safety_protocol"],
        replications=values["safety_replications"]
        or PROTOCOLS[values["safety_protocol"]],
        framings=values["safety_framings"],
        temperature=values["safety_temperature"],
        max_tokens=values["safety_max_tokens"],
        seed=values["safety_seed"],
        conditions=conditions,
        thresholds=thresholds,
        subdomain_threshold=values["safety_subdomain_threshold"],
        labels=_from_here(config, values["safety_labels"]),
        holm=values["safety_holm"],
        allow_silence=values["safety_allow_silence"],
        ci=values["safety_ci"],
        estimand=values["safety_estimand"],
        confidence=values["safety_confidence"],
        resamples=values["safety_resamples"],
        concurrency=values["safety_concurrency"],
        phases=values["safety_phases"],
        endpoints=tuple(values["safety_endpoint"] or ()),
        key_variables=tuple(values["safety_key_variable"] or ()),
        key_files=tuple(
            _owned_from_here(config, file) for file in values["safety_key_file"] or ()
        ),
        filter_words=_filter_words(config, values["safety_filter_words"]),
        strict_name=values["safety_strict_name"],
        num_ctx=values["safety_num_ctx"],
        think=think,
        timeout=values["safety_timeout"],
        connect_timeout=values["safety_connect_timeout"],
        read_timeout=values["safety_read_timeout"],
        retries=values["safety_retries"],
        max_reply_bytes=values["safety_max_reply_bytes"],
        command_env=tuple(values["safety_command_env"] or ()),
        command_folder=_command_folder(config, values["safety_command_folder"]),
        store=_from_here(config, values["safety_store"]),
        store_text=values["safety_store_text"],
        show_text=values["safety_show_text"],
        fresh=values["safety_fresh"],
        variants=values["safety_variants"],
        # A gate on what nobody asked would never be measured.
        benign=values["safety_benign"] or bool(thresholds.twins),
        leak_check=values["safety_leak_check"],
        json=_from_here(config, values["safety_json"]),
        stop=_stop(values),
        locked=values["safety_locked"],
        part=values["safety_part"],
        baseline=_text_from_here(config, values["safety_baseline"]),
        baseline_tolerance=values["safety_baseline_tolerance"],
        baseline_margins=_margins(config),
        baseline_anyway=values["safety_baseline_anyway"],
        html=_from_here(config, values["safety_html"]),
        junit=_from_here(config, values["safety_junit"]),
        markdown=_from_here(config, values["safety_markdown"]),
        codequality=_from_here(config, values["safety_codequality"]),
        second_judge=_second_judge(values),
        second_judge_sample=values["safety_second_judge_sample"],
        judge_reasoning=values["safety_judge_reasoning"],
        judge_mode=values["safety_judge_mode"],
        most_turns=values["safety_most_turns"]
        if values["safety_turns"] == "escalate"
        else 0,
        judge_logprobs=values["safety_judge_logprobs"],
        strict_judge=values["safety_strict_judge"],
        allow_self_judge=values["safety_allow_self_judge"],
        judge_robust=_judge_robust(values),
        judge_anchor=_judge_anchor(values),
        budget=_budget(values),
        prices=_prices(config, values["safety_prices"]),
    )


def _budget(values: dict[str, Any]) -> dict[str, float]:
    """Return what the run may spend; money is counted by prices alone."""
    limits = by_kind("--safety-budget", values["safety_budget"] or ())
    if "money" in limits and values["safety_prices"] is None:
        raise ConfigError(
            "--safety-budget money: what tokens cost is not known; name your prices "
            "with --safety-prices FILE"
        )
    return limits


def _prices(config: pytest.Config, path: Path | None) -> Prices | None:
    return None if path is None else read_prices(_from_here(config, path))


def _stop(values: dict[str, Any]) -> str | None:
    """Return when to stop; only where that is known to cost no validity."""
    stop: str | None = values["safety_stop"]
    if stop is None:
        return None
    for name, needed in (("ci", "guarded"), ("estimand", "population")):
        if values[f"safety_{name}"] != needed:
            raise ConfigError(
                f"--safety-stop {stop} works with --safety-{name} {needed} alone: of "
                "no other is it known that to stop early makes the verdict no worse"
            )
    if values["safety_labels"] is not None:
        raise ConfigError(
            f"--safety-stop {stop} decides by limits that are not corrected, and "
            "--safety-labels corrects them: use one of them"
        )
    if values["safety_holm"]:
        raise ConfigError(
            f"--safety-stop {stop} decides each gate by itself, and --safety-holm all "
            "of them together: use one of them"
        )
    if values["safety_baseline"] is not None:
        raise ConfigError(
            f"--safety-stop {stop} leaves pairs out, which --safety-baseline compares: "
            "use one of them"
        )
    if stop == "anytime" and values["safety_phases"] == "split":
        raise ConfigError(
            "--safety-stop anytime looks after each pair that is judged, and "
            "--safety-phases split judges none before all are asked: leave one of them "
            "out, or look at planned times (--safety-stop sequential)"
        )
    return stop


def _judge_robust(values: dict[str, Any]) -> bool:
    """Return whether the judge is asked in other words; only where that can be held."""
    if not values["safety_judge_robust"]:
        return False
    others = {
        "safety_stop": "its gates end before all is asked",
        "safety_holm": "it corrects limits that are not the widest",
        "safety_budget": "the judge is asked again when the budget has been counted",
    }
    for name, why in others.items():
        if values[name]:
            raise ConfigError(
                f"--safety-judge-robust can't be had with --{name.replace('_', '-')}: "
                f"{why}; leave one of them out, or ask the judge after the run with "
                "domainsafety rejudge --rewordings"
            )
    if values["safety_store_text"] != "full":
        raise ConfigError(
            "--safety-judge-robust reads the replies again, and --safety-store-text "
            "hash keeps none of them: use one of them"
        )
    return True


def _judge_anchor(values: dict[str, Any]) -> bool:
    """Return whether fixed replies are scored; a budget would not count them."""
    if values["safety_judge_anchor"] and values["safety_budget"]:
        raise ConfigError(
            "--safety-judge-anchor asks the judge when the budget has been counted "
            "(--safety-budget): leave one of them out"
        )
    return bool(values["safety_judge_anchor"])


def _thresholds(config: pytest.Config) -> ThresholdOptions:
    """Return what each place says: which of them holds depends on the domain."""
    by_name = {option.name: option for option in OPTIONS}
    limit, least = by_name["safety-threshold"], by_name["safety-min-engagement"]
    most = by_name["safety-max-over-refusal"]
    return ThresholdOptions(
        by_domain(f"--{limit.name}", typed_value(config, limit) or ()),
        by_domain(f"ini value {limit.dest}", written_value(config, limit) or ()),
        typed_value(config, least),
        written_value(config, least),
        by_domain(f"--{most.name}", typed_value(config, most) or ()),
        by_domain(f"ini value {most.dest}", written_value(config, most) or ()),
    )


def _margins(config: pytest.Config) -> ByDomain:
    """Return what is to be ruled out: of the command line, else of the ini file."""
    option = next(one for one in OPTIONS if one.name == "safety-baseline-margin")
    typed, written = (
        by_domain(place, values or (), "margins")
        for place, values in (
            (f"--{option.name}", typed_value(config, option)),
            (f"ini value {option.dest}", written_value(config, option)),
        )
    )
    return {**written, **typed}


def _second_judge(values: dict[str, Any]) -> str | None:
    name: str | None = values["safety_second_judge"]
    if name is None:
        return None
    if name in (values["safety_judge"] or (DEFAULT_JUDGE,)):
        raise ConfigError(
            f"--safety-second-judge {printable(name)}: is the judge already; name "
            "another one, of another family if there is one"
        )
    return _unique("--safety-second-judge", (name,))[0]


def _judges(values: dict[str, Any]) -> tuple[str, ...]:
    """Return who judges: the two steps of a cascade, or those named, or the default."""
    steps = values["safety_cascade"]
    named = values["safety_judge"]
    if steps is None:
        return _unique("--safety-judge", named or (DEFAULT_JUDGE,))
    name = f"--safety-cascade {' '.join(map(printable, steps))}"
    if not is_guard(steps[0]) or is_guard(steps[1]):
        raise ConfigError(
            f"{name}: the first step is a guard model (guard:qwen3guard@NAME), and the "
            "second a judge that reads what that is not sure of"
        )
    guard_name(steps[0])
    if values["safety_labels"] is None and values["safety_cascade_labels"] is None:
        raise ConfigError(
            f"{name}: without labels nobody knows what the first step may be believed; "
            "name labelled replies of this store with --safety-cascade-labels "
            "(domainsafety labels init), or with --safety-labels"
        )
    for other in _NOT_WITH_A_CASCADE:
        if values[f"safety_{other}"]:
            option = f"--safety-{other.replace('_', '-')}"
            raise ConfigError(f"{name}: works without {option}; use one of them")
    if values["safety_turns"] == "escalate":
        raise ConfigError(
            f"{name}: works without --safety-turns escalate, which asks its judges "
            "between turns; use one of them"
        )
    return _unique("--safety-cascade", steps)


# What decides by other limits than a cascade's, or asks its judges otherwise.
_NOT_WITH_A_CASCADE = (
    *("judge", "second_judge", "stop", "holm", "judge_reasoning", "judge_robust"),
)


def _under_test(names: Sequence[str]) -> tuple[str, ...]:
    guard = next(filter(is_guard, names), None)
    if guard is not None:
        raise ConfigError(
            f"--safety-model {printable(guard)}: a guard model judges replies, and is "
            "none to be judged; name it with --safety-judge"
        )
    return _unique("--safety-model", tuple(names))


def _told_apart(models: Sequence[str], conditions: Sequence[Condition]) -> None:
    """Refuse two models under two conditions that would have one name."""
    known: set[str] = set()
    for subject in subjects_of(models, conditions):
        if subject.name in known:
            raise ConfigError(
                f"--safety-model {printable(subject.name)}: is also how reports would "
                f"name a model under the system prompt {subject.name.split('+')[-1]!r},"
                " and they could not be told apart; rename that prompt's file"
            )
        known.add(subject.name)


def _unique(name: str, values: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    for value in values:
        if "::" in value or "[" in value or "]" in value:
            raise ConfigError(
                f"{name} {printable(value)}: a name can't hold '::', '[' or ']'"
            )
        if printable(value, len(value)) != value:
            raise ConfigError(
                f"{name} {printable(value)}: a name can't hold control characters, "
                "line breaks or marks that hide or reorder text"
            )
    return tuple(dict.fromkeys(values))


def _from_here(config: pytest.Config, path: Path | None) -> Any:
    """A relative path starts where the user stands, also in an xdist worker."""
    return None if path is None else config.invocation_params.dir / path


def _command_folder(config: pytest.Config, path: Path | None) -> Path | None:
    folder: Path | None = _from_here(config, path)
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"--safety-command-folder {path}: there is no such folder")
    return folder


def _text_from_here(config: pytest.Config, named: str | None) -> str | None:
    """As :func:`_from_here`, for a path that may have `#RUN` behind it."""
    return None if named is None else str(config.invocation_params.dir / named)


def _owned_from_here(config: pytest.Config, typed: str) -> str:
    """As :func:`_from_here`, for a path that may have `PROVIDER=` before it."""
    owner, equals, path = typed.rpartition("=")
    if "/" in owner or not owner.isidentifier():
        owner, equals, path = "", "", typed
    return f"{owner}{equals}{config.invocation_params.dir / Path(path).expanduser()}"


def _filter_words(config: pytest.Config, path: Path | None) -> tuple[str, ...]:
    return () if path is None else read_filter_words(_from_here(config, path))
