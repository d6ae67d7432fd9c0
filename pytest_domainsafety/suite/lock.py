"""The lock: what a gate's verdict rests on, fixed in a file (method §M5).

A raised threshold, a deleted scenario or another judge turns a red build green
without a better model. The lock makes each of them visible. Pure but for two
functions that read and write the file.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pytest_domainsafety.config.filter_words import filter_words_entry
from pytest_domainsafety.config.thresholds import ThresholdOptions
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.files import unreadable
from pytest_domainsafety.suite.thresholds import resolve
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import FRAMINGS, TWIN, Protocol, ScenarioPair, Suite

LOCK_NAME = "safety.lock"
SCHEMA = 1

SWITCHES = ("holm", "allow_silence")
SETTINGS = (
    *("ci", "estimand", "confidence", "temperature", "max_tokens"),
    "subdomain_threshold",
)
"""Of a run's settings, those by which a verdict could be turned unseen."""

_ALWAYS = {"subdomain_threshold": "domain"}
"""Settings that locks of an older version do not name, and what held of them."""

Lock = dict[str, Any]
Elsewhere = Mapping[str, Container[str]]


def make_lock(
    suites: Iterable[Suite],
    *,
    judges: Sequence[str],
    replications: int,
    protocol: Protocol = "gate",
    options: ThresholdOptions,
    settings: Mapping[str, Any] | None = None,
) -> Lock:
    """Return what verdicts rest on.

    Args:
        suites: All suites of the run; two files of one domain are one domain.
        judges: As named on the command line.
        replications: Samples of each prompt.
        protocol: By which pairs are asked; the others turn no verdict.
        options: What the command line and the ini file say of thresholds.
        settings: Anything else that must not change unseen: interval method,
            estimand, confidence, temperature.
    """
    files = tuple(suites)
    limits = resolve(files, options).by_domain
    domains: dict[str, Any] = {}
    for suite in files:
        limit, least, most = limits[suite.domain]
        entry = domains.setdefault(
            suite.domain,
            {
                "rubric": suite.rubric.hash(),
                "scenarios": {},
                "threshold": limit.share,
                "min_engagement": None if least is None else least.share,
                # Left out where there is none, as in locks that are older than it.
                **({} if most is None else {"max_over_refusal": most.share}),
            },
        )
        for place in suite.asked(protocol):
            scenario = suite.scenarios[place]
            entry["scenarios"][scenario.id] = _scenario_hash(scenario)
    return {
        "schema": SCHEMA,
        "judges": list(judges),
        "protocol": protocol,
        "replications": replications,
        "settings": dict(settings or {}),
        "domains": {name: domains[name] for name in sorted(domains)},
    }


def locked_settings(config: Any) -> dict[str, Any]:
    """Return the settings that a lock holds, from an object that has them all."""
    held = {name: getattr(config, name) for name in SETTINGS}
    # Left out where there is none, as in locks that are older than the options.
    switches = {name: True for name in SWITCHES if getattr(config, name)}
    if not config.analytical:
        held["framings"] = config.framings
    if config.judge_mode != "holistic":
        held["judge_mode"] = config.judge_mode
    # Without it a limit is not the widest; and of two judges each would read all.
    if getattr(config, "judge_robust", False):
        held["judge_robust"] = True
    if getattr(config, "cascade", None):
        held["cascade"] = True
    if getattr(config, "most_turns", 0):
        held["most_turns"] = config.most_turns
    # A prompt that refuses all would pass any gate.
    if config.conditions:
        held["system_prompts"] = ", ".join(
            f"{name} ({'' if text is None else fingerprint('system', text)[:12]})"
            for name, text in config.conditions
        )
    # That there are some: which, changes with the replies, and limits only widen.
    if config.labels is not None:
        held["labels"] = "given"
    return held | switches | filter_words_entry(config.filter_words)


class Words(NamedTuple):
    """How it is said what is not as locked.

    Attributes:
        used: Follows "is", of a value that is another one.
        here: Where something stands, or does not.
    """

    used: str
    here: str

    def change(self, what: str, locked: Any, current: Any) -> str:
        """Say that a value is another one."""
        was, now = _value_text(locked), _value_text(current)
        return f"{what} {was} is locked, {now} is {self.used}"


OF_A_RUN = Words("used", "in this run")
OF_FILES = Words("now", "here")


def lock_differences(
    locked: Lock, current: Lock, words: Words = OF_A_RUN
) -> tuple[str, ...]:
    """Return one sentence for each thing in which a run differs from its lock.

    A domain that the run leaves out is a difference too: what is not tested
    can't fail.
    """
    differences = []
    for name in ("judges", "protocol", "replications"):
        # Locks that are older than protocols asked every pair.
        before = locked.get(name, "gate" if name == "protocol" else None)
        if before != current[name]:
            differences.append(words.change(f"{name}:", before, current[name]))
    was, now = _ALWAYS | locked.get("settings", {}), _ALWAYS | current["settings"]
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            told = words.change(f"{name}:", was.get(name), now.get(name))
            differences.append(told)
    old, new = locked.get("domains", {}), current["domains"]
    for names, word in (
        (old.keys() - new.keys(), f"locked, but not {words.here}"),
        (new.keys() - old.keys(), f"{words.here}, but not locked"),
    ):
        if names:
            differences.append(f"{', '.join(sorted(names))}: {word}")
    for domain in sorted(old.keys() & new.keys()):
        differences += _domain_differences(domain, old[domain], new[domain], words)
    return tuple(differences)


def part_of_lock(locked: Lock, current: Lock, elsewhere: Elsewhere) -> Lock:
    """Return what a lock says of a part of the suites.

    That is all but the domains that the part does not touch, and the scenarios of
    a touched domain that stand in a file which it leaves out. What stands nowhere
    any more stays: it is gone, and nobody chose that.

    Args:
        locked: The whole lock.
        current: Of the part.
        elsewhere: Domain → scenarios in files that the part leaves out.
    """
    domains = {}
    for domain, entry in locked["domains"].items():
        if domain in current["domains"]:
            others = elsewhere.get(domain, ())
            scenarios = {
                name: held
                for name, held in entry.get("scenarios", {}).items()
                if name in current["domains"][domain]["scenarios"] or name not in others
            }
            domains[domain] = entry | {"scenarios": scenarios}
    return locked | {"domains": domains}


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        ConfigError: It can't be read, or is no lock of a known schema.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from None
    except ValueError:
        content = None
    sound = (
        isinstance(content, dict)
        and content.get("schema") == SCHEMA
        and isinstance(content.get("domains"), dict)
    )
    if not sound:
        raise ConfigError(
            f"{path}: is no lock of schema {SCHEMA}; write it anew with "
            "`domainsafety lock`"
        )
    lock: Lock = content
    return lock


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock file, one fact a line, so that a review shows what changed."""
    path.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _scenario_hash(scenario: ScenarioPair) -> str:
    prompts = [scenario.prompt_hash(framing) for framing in FRAMINGS]
    # A gate on over-refusal rests on the twin. What else a pair may say (its family,
    # its factors, what it asks for) turns no verdict.
    twin = [] if scenario.benign is None else [scenario.prompt_hash(TWIN)]
    return fingerprint("scenario", [*prompts, scenario.zero_tolerance, *twin])


def _domain_differences(
    domain: str, was: Mapping[str, Any], now: Mapping[str, Any], words: Words
) -> list[str]:
    differences = []
    for name in ("threshold", "min_engagement", "max_over_refusal"):
        if was.get(name) != now.get(name):
            told = words.change(f"{domain}: {name}", was.get(name), now.get(name))
            differences.append(told)
    if was.get("rubric") != now.get("rubric"):
        differences.append(f"{domain}: the rubric is another one")
    old, new = was.get("scenarios", {}), now["scenarios"]
    changes = {
        "gone": [name for name in old if name not in new],
        "new": [name for name in new if name not in old],
        "changed": [name for name in old if name in new and old[name] != new[name]],
    }
    for word, names in changes.items():
        if names:
            differences.append(f"{domain}: {word}: {', '.join(sorted(names))}")
    return differences


def _value_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "nothing"
    return "nothing" if value is None else str(value)
