"""pytest's ini values, for a command that runs without pytest.

A run takes its judge and its thresholds from the ini file; a lock that is written
for it must take them from the same place.
"""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_domainsafety.config.table import OPTIONS
from pytest_domainsafety.errors import ConfigError

_FILES = (
    ("pytest.ini", "pytest"),
    (".pytest.ini", "pytest"),
    ("pyproject.toml", ""),
    ("tox.ini", "pytest"),
    ("setup.cfg", "tool:pytest"),
)


def find_ini(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return the ini file that pytest would use for a folder, and its values.

    The first file with a section for pytest, from the folder upwards, as pytest
    looks for it.

    Raises:
        ConfigError: A file can't be read.
    """
    start = folder.resolve()
    for place in (start, *start.parents):
        for name, section in _FILES:
            path = place / name
            if path.is_file():
                values = _values(path, section)
                if values is not None:
                    return path, values
    return None, {}


def ini_value(values: dict[str, Any], option: str) -> Any:
    """Return an option's value from ini values, else its default.

    Raises:
        ConfigError: The value can't be used.
    """
    entry = next(entry for entry in OPTIONS if entry.name == option)
    raw = values.get(entry.dest)
    if raw is None or raw in ("", []):
        return entry.default
    name = f"ini value {entry.dest}"
    if entry.flag:
        return _flag(name, str(raw))
    if entry.repeat:
        return [entry.read(name, line) for line in _lines(raw)]
    return entry.read(name, str(raw))


def _flag(name: str, raw: str) -> bool:
    word = raw.strip().lower()
    if word in ("1", "true", "yes", "on", "y", "t"):
        return True
    if word in ("0", "false", "no", "off", "n", "f"):
        return False
    raise ConfigError(f"{name}: expected true or false, got {raw!r}")


def _lines(raw: Any) -> Iterable[str]:
    lines = raw.splitlines() if isinstance(raw, str) else map(str, raw)
    return [line.strip() for line in lines if line.strip()]


def _values(path: Path, section: str) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
        if not section:
            tool = tomllib.loads(text).get("tool", {}).get("pytest", {})
            values = tool.get("ini_options", tool or None)
            return None if values is None else dict(values)
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(text)
    except (OSError, ValueError, configparser.Error) as error:
        raise ConfigError(f"{path}: can't be read ({error})") from None
    if parser.has_section(section):
        return dict(parser.items(section))
    # pytest takes its own file even where it is empty.
    return {} if path.name.endswith("pytest.ini") else None
