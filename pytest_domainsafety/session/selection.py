"""Which part of the suites a run is, by what its user chose.

A run is a *part* where the user left something out on purpose: named suite files or
pairs and not the folder that holds them (nor one above it), chose with `-k`, `-m`,
`--deselect`, `--lf`, `--sw` or `--ignore` and pairs fell to it, or said
`--safety-part`. A folder from which a file is gone is no part: nobody chose that.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_domainsafety.errors import ConfigError, DomainSafetyError
from pytest_domainsafety.runs.kinds import SELFTEST_VARIABLE
from pytest_domainsafety.session.expected import Expected, selected_pairs, suites_under
from pytest_domainsafety.suite import SUFFIXES, find_suites, load_suite
from pytest_domainsafety.suite.loading import domains_of
from pytest_domainsafety.suite.thresholds import check_domains, resolve
from pytest_domainsafety.text import counted, printable
from pytest_domainsafety.types import RunKind

if TYPE_CHECKING:
    import pytest

    from pytest_domainsafety.config.run import RunConfig
    from pytest_domainsafety.config.thresholds import ByDomain, ThresholdOptions
    from pytest_domainsafety.engine import Plan

_OPTIONS = (
    ("keyword", "-k"),
    ("markexpr", "-m"),
    ("deselect", "--deselect"),
    ("lf", "--lf"),
    ("stepwise", "--sw"),
    ("ignore", "--ignore"),
    ("ignore_glob", "--ignore-glob"),
)
"""Of pytest's options those that leave pairs out: attribute, and as it is typed."""
_NAMES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Part:
    """What the user chose of the suites; nothing where the run is whole.

    Attributes:
        chosen: How, as it was typed: files, pairs, options.
        folders: Of which files or pairs were named.
        everywhere: Whether an option chose, so that no folder is whole.
    """

    chosen: tuple[str, ...] = ()
    folders: frozenset[Path] = frozenset()
    everywhere: bool = False

    def __bool__(self) -> bool:
        """Whether the run is a part."""
        return bool(self.chosen)

    def __str__(self) -> str:
        """Return what was chosen, for a sentence."""
        more = ", …" if len(self.chosen) > _NAMES_SHOWN else ""
        return ", ".join(self.chosen[:_NAMES_SHOWN]) + more

    def covers(self, folder: Path) -> bool:
        """Whether all suites of a folder were to run."""
        return not self.everywhere and folder.resolve() not in self.folders


WHOLE = Part()


def chosen_part(config: pytest.Config, expected: Expected, *, declared: bool) -> Part:
    """Return which part of the suites the user chose.

    Args:
        config: pytest's.
        expected: The pairs of the run.
        declared: Whether the user called the run a part (`--safety-part`).
    """
    typed = ["--safety-part"] if declared else []
    options = [*_options(config)]
    if options and _leaves_out(config, expected):
        typed += options
    named = _named(config)
    paths = [_shown(config, path, pair) for path, pair in named]
    folders = frozenset(path.parent for path, _ in named)
    return Part((*paths, *typed), folders, bool(typed))


def run_kind(expected: Expected, part: Part) -> RunKind:
    """Return the kind of this run, for its manifest.

    A run that `--safety-stop` cut short set out to ask everything, so it is whole.
    """
    if os.environ.get(SELFTEST_VARIABLE):
        return "selftest"
    return "part" if part or selected_pairs(expected) else "full"


def known_domains(config: pytest.Config, wanted: Iterable[str]) -> set[str]:
    """Return the domains of the suites that a threshold may speak of.

    Those of the run's paths; as long as one that is wanted is not among them, those
    of the named files' folders, of `testpaths`, and of the whole project as well.
    """
    missing = set(wanted)
    known: set[str] = set()
    looked: set[Path] = set()
    for files in _places(config):
        # A broken suite speaks for itself at collection.
        known |= domains_of(set(files) - looked)
        looked.update(files)
        if missing <= known:
            break
    return known


def check_thresholds(
    config: pytest.Config,
    options: ThresholdOptions,
    here: set[str],
    margins: ByDomain | None = None,
) -> None:
    """Hold the domains that thresholds and margins name against those that there are.

    Args:
        config: pytest's.
        options: What the options say of thresholds.
        here: The domains of the run; one ini file serves all of a project.
        margins: What the options say of the rises that domains must rule out.

    Raises:
        ConfigError: A domain is nowhere.
    """
    for place, named in (
        ("--safety-threshold", options.domains),
        ("--safety-max-over-refusal", options.twin_domains),
        ("--safety-baseline-margin", {*(margins or ())} - {None}),
    ):
        if not named <= here:
            known = here | known_domains(config, named)
            check_domains(place, named, known, "the suites of this project")


def check_framings(expected: Expected, config: RunConfig) -> None:
    """Refuse a gate on engagement where nothing analytical is asked.

    Raises:
        ConfigError: An option, the ini file or a suite asks for such a gate.
    """
    if config.analytical:
        return
    limits = resolve(expected.suites, config.thresholds).only(expected.domains)
    for domain, limit in limits.by_domain.items():
        if limit.engagement is not None:
            raise ConfigError(
                f"--safety-framings operational asks nothing analytical, and {domain} "
                f"is held to an engagement of at least {limit.engagement.share:g} "
                f"({limit.engagement.place}): leave out one of the two"
            )


def check_variants(expected: Expected, config: RunConfig) -> None:
    """Refuse a variant that no pair of the run has.

    Raises:
        ConfigError: Names it, and those that there are.
    """
    if isinstance(config.variants, bool):
        return
    there = sorted(
        {
            name
            for pair in expected.pairs.values()
            for name in pair.suite.suite.scenarios[pair.place].variants
        }
    )
    unknown = [name for name in config.variants if name not in there]
    if unknown:
        known = f"there are: {', '.join(there)}" if there else "none has a variant"
        raise ConfigError(
            f"--safety-variants {printable(','.join(unknown))}: no pair of this run "
            f"has such a variant; {known}"
        )


def check_turns(expected: Expected, plan: Plan) -> None:
    """Refuse to escalate where no pair of the run has a rewording to go on with.

    Raises:
        ConfigError: No conversation could have a second turn.
    """
    from pytest_domainsafety.engine.plan import cells, rewordings

    if plan.most_turns and not any(
        rewordings(scenario, cell, plan)
        for pair in expected.pairs.values()
        for scenario in (pair.suite.suite.scenarios[pair.place],)
        for cell in cells(scenario, plan)
    ):
        raise ConfigError(
            "--safety-turns escalate: no pair of this run has a rewording (a variant "
            f"such as paraphrase_1) to go on with in {counted(plan.most_turns, 'turn')}"
            "; give pairs some, raise --safety-most-turns, or leave the option out"
        )


def _places(config: pytest.Config) -> Iterator[list[Path]]:
    yield suites_under(config)
    for path, _ in _arguments(config):
        if path.is_file():
            yield find_suites(path.parent)
    for name in config.getini("testpaths"):
        yield find_suites(config.rootpath / name)
    yield find_suites(config.rootpath)


def folders_of_run(config: pytest.Config) -> list[Path]:
    """Return the folders that the run was told to look into."""
    return [path for path, _ in _arguments(config) if path.is_dir()]


# ── what was typed ──────────────────────────────────────────────────────────


def _arguments(config: pytest.Config) -> Iterator[tuple[Path, str]]:
    """Yield the paths of the run, each with what stands behind its `::`."""
    for argument in config.args:
        path, _, pair = argument.partition("::")
        yield Path(config.invocation_params.dir, path).resolve(), pair


def _named(config: pytest.Config) -> list[tuple[Path, str]]:
    """Return the suite files and pairs by which less than a folder was named."""
    arguments = list(_arguments(config))
    folders = {path for path, _ in arguments if not path.name.endswith(SUFFIXES)}
    files = {path for path, pair in arguments if path not in folders and not pair}
    named = []
    for path, pair in dict.fromkeys(arguments):
        folder = path.parent
        if path in folders or not folders.isdisjoint((folder, *folder.parents)):
            continue
        siblings = {file for file in find_suites(folder) if file.parent == folder}
        if not siblings <= files:
            named.append((path, pair))
    return named


def _options(config: pytest.Config) -> Iterator[str]:
    for name, typed in _OPTIONS:
        value = getattr(config.option, name, None)
        if value:
            yield f"{typed} {value}" if isinstance(value, str) else typed


def _leaves_out(config: pytest.Config, expected: Expected) -> bool:
    """Whether a pair under the run's paths is not in the run."""
    pairs = expected.pairs.values()
    models = {pair.model for pair in pairs}
    asked = {(pair.suite.path.resolve(), pair.place, pair.model) for pair in pairs}
    for file in suites_under(config):
        try:
            suite = load_suite(file).suite
        except DomainSafetyError:
            return True
        for place in suite.asked(expected.protocol):
            if any((file.resolve(), place, model) not in asked for model in models):
                return True
    return False


def _shown(config: pytest.Config, path: Path, pair: str) -> str:
    root = config.rootpath.resolve()
    name = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    return f"{name.as_posix()}::{pair}" if pair else name.as_posix()
