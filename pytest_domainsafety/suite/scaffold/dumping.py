"""A suite written as YAML that people can edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, which people can edit."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the base's signature
        """Write everything out: a suite with an alias is refused."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(suite: Mapping[str, Any]) -> str:
    """Return a suite's content as YAML, its keys in the order given."""
    return yaml.dump(
        suite, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=88
    )
