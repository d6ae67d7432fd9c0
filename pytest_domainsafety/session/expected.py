"""Which pairs a run must hear of: what is missing is never a pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_domainsafety.errors import SuiteError
from pytest_domainsafety.suite import (
    SUFFIXES,
    LoadedSuite,
    clashes,
    find_suites,
)
from pytest_domainsafety.types.pair_facts import PairFacts

if TYPE_CHECKING:
    import pytest

    from pytest_domainsafety.config.run import RunConfig
    from pytest_domainsafety.engine import PairWork
    from pytest_domainsafety.session.process import Process
    from pytest_domainsafety.types import Protocol, Suite


Variants = dict[str, list[str]]
"""Scenario → names of its variants."""


class ExpectedPair(NamedTuple):
    """One pair that will run."""

    suite: LoadedSuite
    place: int
    model: str


@dataclass(frozen=True, slots=True)
class Expected:
    """All pairs of a run by node id, after deselection.

    Attributes:
        pairs: In the order of collection.
        domains: Of the suites that the pairs come from.
        protocol: By which pairs are asked.
    """

    pairs: dict[str, ExpectedPair]
    domains: set[str]
    protocol: Protocol = "gate"

    @classmethod
    def from_ids(cls, ids: list[str], process: Process) -> Expected:
        """Find the pairs behind node ids; ids of other tests are passed over.

        Under xdist the controller is told ids alone, so it reads the suite
        files itself; without it they are at hand.
        """
        pairs: dict[str, ExpectedPair] = {}
        places: dict[str, dict[str, int]] = {}
        for nodeid in ids:
            path, _, rest = nodeid.partition("::")
            scenario, _, model = rest.partition("::")
            if model not in process.models or not path.endswith(SUFFIXES):
                continue
            if path not in places:
                suite = process.suite(path)
                scenarios = suite.suite.scenarios
                places[path] = {pair.id: place for place, pair in enumerate(scenarios)}
            suite = process.suites[path]
            pairs[nodeid] = ExpectedPair(suite, places[path][scenario], model)
        domains = {pair.suite.suite.domain for pair in pairs.values()}
        return cls(pairs, domains, process.config.protocol)

    @property
    def suites(self) -> tuple[Suite, ...]:
        """The suite files that the pairs come from, each once."""
        files = {pair.suite.display: pair.suite.suite for pair in self.pairs.values()}
        return tuple(files.values())

    def as_manifest(
        self, *, variants: bool | tuple[str, ...]
    ) -> dict[str, dict[str, Variants]]:
        """Return model → domain → scenario → its variants, the base left out."""
        models: dict[str, dict[str, Variants]] = {}
        for pair in self.pairs.values():
            scenario = pair.suite.suite.scenarios[pair.place]
            domains = models.setdefault(pair.model, {})
            names = list(scenario.chosen(variants))
            domains.setdefault(pair.suite.suite.domain, {})[scenario.id] = names
        return models

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return what the suites say of the pairs, for the manifest."""
        facts = PairFacts()
        for pair in self.pairs.values():
            suite, scenario = pair.suite.suite, pair.suite.suite.scenarios[pair.place]
            domain, ids = suite.domain, (scenario.id,)
            frame = suite.jurisdiction_of(scenario) or ""
            firmness = suite.codification_of(scenario) or ""
            if frame or firmness:
                facts.add_law(domain, frame, firmness, ids)
            facts.add_core(domain, ids if pair.place in suite.asked("study") else ())
            facts.add_family(domain, scenario.family_or_id, ids)
        return facts.as_manifest()

    def twins(self) -> dict[str, list[str]]:
        """Return domain → scenarios with a benign twin."""
        domains: dict[str, dict[str, None]] = {}
        for pair in self.pairs.values():
            scenario = pair.suite.suite.scenarios[pair.place]
            if scenario.benign is not None:
                domain = domains.setdefault(pair.suite.suite.domain, {})
                domain[scenario.id] = None
        return {domain: list(names) for domain, names in domains.items()}


def suites_under(config: pytest.Config) -> list[Path]:
    """Return the suite files below the paths that pytest was given."""
    paths: list[Path] = []
    for arg in config.args:
        path = Path(config.invocation_params.dir, arg.partition("::")[0])
        paths += [path] if path.name.endswith(SUFFIXES) else find_suites(path)
    return paths


def check_files(suites: Iterable[LoadedSuite]) -> None:
    """Hold the files of a domain to one rubric, and one harm an id.

    Results, stores and baselines know a pair by domain and id alone: two
    pairs of one name would count as one.

    Args:
        suites: A file may come several times.

    Raises:
        SuiteError: Names each rubric or id that clashes, and both places.
    """
    problems = clashes({suite.display: suite for suite in suites}.values())
    if problems:
        raise SuiteError(problems)


def opening_pairs(expected: Expected, config: RunConfig) -> tuple[PairWork, ...]:
    """Return the pairs of which a budget must reach to some: those of the first gate.

    How many of them says :func:`opening_size`.
    """
    from pytest_domainsafety.engine import PairWork

    if not config.budget:
        return ()
    works = [PairWork(nodeid, *pair) for nodeid, pair in expected.pairs.items()]
    first = (works[0].model, works[0].suite.suite.domain)
    if config.stop != "sequential":
        return (works[0],)
    return tuple(
        work for work in works if (work.model, work.suite.suite.domain) == first
    )


def opening_size(pairs: tuple[PairWork, ...]) -> int:
    """Return how many pairs of a gate come before its first verdict.

    With planned looks those of the first one; else one, since less than a pair is
    evidence of nothing.
    """
    from pytest_domainsafety.stats.looks import look_sizes

    return look_sizes(len(pairs))[0] if len(pairs) > 1 else len(pairs)


def selected_pairs(expected: Expected) -> dict[tuple[str, str], str]:
    """Say by (model, domain) where the run is not the whole suite."""
    ran: Counter[tuple[str, str]] = Counter()
    whole: dict[tuple[str, str], dict[str, int]] = {}
    for pair in expected.pairs.values():
        key = (pair.model, pair.suite.suite.domain)
        ran[key] += 1
        scenarios = len(pair.suite.suite.asked(expected.protocol))
        whole.setdefault(key, {})[pair.suite.display] = scenarios
    return {
        key: f"{ran[key]} of {sum(files.values())} pairs"
        for key, files in whole.items()
        if ran[key] < sum(files.values())
    }
