"""`pytest --safety-write-lock`: the lock, with pytest's own reading of its settings.

Whoever reads ini files for himself misses some of where pytest looks: addopts,
PYTEST_ADDOPTS, `-c`, `-o`, pytest.toml, a plugin's defaults. Here pytest has read them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_domainsafety.config.run import read_config
from pytest_domainsafety.errors import ConfigError, DomainSafetyError
from pytest_domainsafety.files import unwritable
from pytest_domainsafety.session.expected import check_files, suites_under
from pytest_domainsafety.session.lock_and_baseline import current_lock
from pytest_domainsafety.session.selection import check_thresholds
from pytest_domainsafety.suite import LoadedSuite, find_suites, load_suites
from pytest_domainsafety.suite.lock import (
    LOCK_NAME,
    OF_FILES,
    Lock,
    lock_differences,
    read_lock,
    write_lock,
)
from pytest_domainsafety.text import counted, visible

DIFFERS = 1


def locks(config: pytest.Config) -> int:
    """Write or check the lock of each folder of suites under the run's paths.

    A lock is of a whole folder, also where some of its files were named.

    Returns:
        The exit status: 1 where a lock is checked and something differs.

    Raises:
        pytest.UsageError: A suite, an option or a lock can't be used.
    """
    check = config.option.safety_check_lock
    try:
        told = read_config(config)
        differences = 0
        for folder, suites in _folders(config).items():
            here = {loaded.suite.domain for loaded in suites}
            check_thresholds(config, told.thresholds, here)
            current = current_lock(suites, told)
            path = folder / LOCK_NAME
            found = _differences(path, current, check=check)
            _say(found)
            differences += len(found)
            if check:
                outcome = f"{len(found)} difference(s)" if found else "as locked"
                _say([f"{_shown(path)}: {outcome}"])
            else:
                _write(path, current)
                _say([_written(path, current, config.inipath)])
    except DomainSafetyError as error:
        raise pytest.UsageError(visible(str(error))) from None
    return DIFFERS if check and differences else 0


def _folders(config: pytest.Config) -> dict[Path, list[LoadedSuite]]:
    """Return the suites by folder, all of those that lie in it.

    Raises:
        ConfigError: There is none.
        SuiteError: One is broken.
    """
    places = dict.fromkeys(path.parent for path in suites_under(config))
    if not places:
        where = ", ".join(config.args)
        raise ConfigError(f"nothing to lock: there is no *.safety.yaml under {where}")
    folders = {}
    for place in places:
        files = [path for path in find_suites(place) if path.parent == place]
        folders[place] = load_suites(files)
        check_files(folders[place])
    return folders


def _differences(path: Path, current: Lock, *, check: bool) -> tuple[str, ...]:
    """Return what differs; of a lock that is to be written anew none may be there."""
    try:
        return lock_differences(read_lock(path), current, OF_FILES)
    except ConfigError:
        if check:
            raise
        return ()


def _write(path: Path, current: Lock) -> None:
    try:
        write_lock(path, current)
    except OSError as error:
        raise ConfigError(unwritable(path, error)) from None


def _written(path: Path, current: Lock, ini: Path | None) -> str:
    domains = current["domains"]
    scenarios = sum(len(entry["scenarios"]) for entry in domains.values())
    return (
        f"wrote {_shown(path)}: {counted(scenarios, 'scenario')} in "
        f"{counted(len(domains), 'domain')}, judge {', '.join(current['judges'])}"
        + (f" (settings from {ini.name})" if ini is not None else "")
    )


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{visible(line)}\n")
