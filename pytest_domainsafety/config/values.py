"""Where the value of an option comes from: the command line, or the ini file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_domainsafety.config.option import Option
from pytest_domainsafety.config.pytest_options import ini_value
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.text import printable

if TYPE_CHECKING:
    import pytest


def value_of(config: pytest.Config, option: Option) -> Any:
    """Return what holds: the command line, else the ini file, else the default."""
    if option.flag:
        raw = getattr(config.option, option.dest, None)
        return bool(raw) or _ini_flag(config, option)
    for place in (typed_value, written_value):
        value = place(config, option)
        if value is not None:
            return value
    return option.default


def typed_value(config: pytest.Config, option: Option) -> Any:
    """Return what the command line says of an option, None where nothing."""
    raw = getattr(config.option, option.dest, None)
    return None if raw is None else _read(f"--{option.name}", raw, option)


def written_value(config: pytest.Config, option: Option) -> Any:
    """Return what the ini file says of an option, None where nothing."""
    raw = ini_value(config, option.dest)
    return None if raw is None else _read(f"ini value {option.dest}", raw, option)


def _ini_flag(config: pytest.Config, option: Option) -> bool:
    raw = ini_value(config, option.dest)
    word = str(raw).strip().lower()
    if word in ("true", "yes", "on", "y", "t", "1"):
        return True
    if raw is None or word in ("false", "no", "off", "n", "f", "0"):
        return False
    raise ConfigError(
        f"ini value {option.dest}: expected true or false, got {printable(raw)!r}"
    )


def _read(name: str, raw: Any, option: Option) -> Any:
    if option.repeat:
        return [option.read(name, line) for line in raw]
    return option.read(name, raw)
