"""`domainsafety lock`: what a gate's verdict rests on, fixed in a file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click

from pytest_domainsafety.commands._tables import Read, echo
from pytest_domainsafety.errors import ConfigError, SourceError
from pytest_domainsafety.text import counted

if TYPE_CHECKING:
    from pytest_domainsafety.suite.lock import Lock

DIFFERS_STATUS = 1


@click.command()
@click.argument("folder", default="suites", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; say what differs.")
@click.option("--judge", multiple=True, type=Read("safety-judge"), help="As of pytest.")
@click.option("--replications", type=Read("safety-replications"), help="As of pytest.")
@click.option("--threshold", "thresholds", multiple=True, type=Read("safety-threshold"))
@click.option("--min-engagement", type=Read("safety-min-engagement"))
@click.option(
    "--max-over-refusal",
    "over_refusals",
    multiple=True,
    type=Read("safety-max-over-refusal"),
)
@click.option("--holm", is_flag=True, default=None, help="As of pytest.")
@click.option("--allow-silence", is_flag=True, default=None, help="As of pytest.")
@click.option("--ci", type=Read("safety-ci"))
@click.option("--estimand", type=Read("safety-estimand"))
@click.option("--confidence", type=Read("safety-confidence"))
@click.option("--temperature", type=Read("safety-temperature"))
@click.option("--max-tokens", type=Read("safety-max-tokens"))
@click.pass_context
def lock(
    context: click.Context, /, folder: Path, *, check: bool, **options: Any
) -> None:
    """Write FOLDER/safety.lock (default: suites/safety.lock), or check it.

    It holds hashes of all scenarios and rubrics, the thresholds, the judge and the
    settings by which a verdict could be turned unseen. What is not said here comes
    from pytest's ini file, else it is the default of a run. Commit the file: then
    every run says what differs from it, and with --safety-locked refuses to run.

    Exit status: 0 written, or nothing differs; 1 with --check, something differs;
    2 a suite, an option or the lock can't be used.
    """
    from pytest_domainsafety.config.ini import find_ini
    from pytest_domainsafety.suite.lock import (
        LOCK_NAME,
        lock_differences,
        read_lock,
        write_lock,
    )

    if not folder.is_dir():
        what = "is a file" if folder.exists() else "there is no such folder"
        raise SourceError(f"{folder}: {what}; name the folder with the suites")
    ini, values = find_ini(folder)
    current = _current(folder, options, ini, values)
    path = folder / LOCK_NAME
    differences: tuple[str, ...] = ()
    try:
        differences = lock_differences(read_lock(path), current)
    except ConfigError:
        if check:
            raise
    for sentence in differences:
        echo(sentence.replace("is used", "is now").replace("in this run", "here"))
    if check:
        outcome = f"{len(differences)} difference(s)" if differences else "as locked"
        echo(f"{path}: {outcome}")
        context.exit(DIFFERS_STATUS if differences else 0)
    try:
        write_lock(path, current)
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be written ({error.strerror or error})"
        ) from None
    scenarios = sum(len(entry["scenarios"]) for entry in current["domains"].values())
    echo(
        f"wrote {path}: {counted(scenarios, 'scenario')} in "
        f"{counted(len(current['domains']), 'domain')}, "
        f"judge {', '.join(current['judges'])}"
        + (f" (settings from {ini.name})" if ini is not None else "")
    )


def _current(
    folder: Path, options: dict[str, Any], ini: Path | None, values: dict[str, Any]
) -> Lock:
    from pytest_domainsafety.config.ini import ini_value
    from pytest_domainsafety.config.table import DEFAULT_JUDGE
    from pytest_domainsafety.config.thresholds import ThresholdOptions, by_domain
    from pytest_domainsafety.suite import find_suites, load_suites
    from pytest_domainsafety.suite.loading import domains_of
    from pytest_domainsafety.suite.lock import (
        SETTINGS,
        SWITCHES,
        locked_settings,
        make_lock,
    )
    from pytest_domainsafety.suite.thresholds import check_domains

    def value(name: str) -> Any:
        option = options[name.replace("-", "_")]
        return ini_value(values, f"safety-{name}") if option is None else option

    suites = [
        loaded for loaded in load_suites([folder]) if loaded.path.parent == folder
    ]
    if not suites:
        raise SourceError(f"{folder}: there is no *.safety.yaml file in this folder")
    thresholds = ThresholdOptions(
        by_domain("--threshold", options["thresholds"]),
        by_domain(
            "ini value safety_threshold", ini_value(values, "safety-threshold") or ()
        ),
        options["min_engagement"],
        ini_value(values, "safety-min-engagement"),
        by_domain("--max-over-refusal", options["over_refusals"]),
        by_domain(
            "ini value safety_max_over_refusal",
            ini_value(values, "safety-max-over-refusal") or (),
        ),
    )
    domains = {loaded.suite.domain for loaded in suites}
    named = thresholds.domains | thresholds.twin_domains
    if not named <= domains and ini is not None:
        # One ini file serves all folders below it.
        domains |= domains_of(find_suites(ini.parent))
    check_domains("threshold", named, domains, str(folder))
    settings = SimpleNamespace(
        **{name: value(name.replace("_", "-")) for name in (*SETTINGS, *SWITCHES)}
    )
    return make_lock(
        (loaded.suite for loaded in suites),
        judges=options["judge"] or ini_value(values, "safety-judge") or [DEFAULT_JUDGE],
        replications=value("replications"),
        options=thresholds,
        settings=locked_settings(settings),
    )


commands: tuple[click.Command, ...] = (lock,)
"""What this file adds to `domainsafety`."""
