"""The private parts of pytest and xdist that the plugin touches, and no other module.

One function or class each; `tests/unit/test_internals.py` fails on a pytest or an
xdist in which one of them is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._io import TerminalWriter
from _pytest.mark.structures import NodeKeywords
from _pytest.nodes import Node
from _pytest.outcomes import Failed


class Lean(Node):
    """A node of which a session may hold hundreds of thousands.

    24% of the memory of a collection of 20,000 pairs (benchmarks/on_off.py).

    pytest gives each node an empty list, set, mapping and stash of its own, which
    together take more memory than a scenario pair. Here they are made when somebody
    asks for them; what they are, and that each node has its own, stays as it was.
    To be named before `pytest.Item` or `pytest.Collector`.
    """

    __slots__ = ()

    def __init__(self, **kwargs: Any) -> None:
        """Let pytest make its node; where all it made is known and empty, drop it."""
        super().__init__(**kwargs)
        made = self.__dict__
        if made.keys() <= _ON_DEMAND.keys() and not any(map(made.get, _EMPTY)):
            del self.__dict__
            if _HAS_ALIAS:
                delattr(self, _ALIAS)
        else:
            marks = self._marks()
            self.own_markers += marks
            self.keywords.update((mark.name, mark) for mark in marks)

    def _marks(self) -> list[pytest.Mark]:
        """Return the marks that the node begins with; asked for at any time."""
        return []

    if not TYPE_CHECKING:  # mypy would take any name for one that is there

        def __getattr__(self, name: str) -> Any:
            """Make what was dropped."""
            make = _ON_DEMAND.get(name)
            if make is None:
                raise AttributeError(f"a node has no {name!r}")
            value = make(self)
            setattr(self, name, value)
            return value


def _keywords(node: Lean) -> NodeKeywords:
    keywords = NodeKeywords(node)
    keywords.update((mark.name, mark) for mark in node._marks())
    return keywords


_ALIAS = "_store"  # the stash, by the name that it had in pytest 5
_HAS_ALIAS = _ALIAS in Node.__slots__
_ON_DEMAND: dict[str, Callable[[Lean], Any]] = {
    "own_markers": lambda node: node._marks(),
    "keywords": _keywords,
    "extra_keyword_matches": lambda _: set(),
    "user_properties": lambda _: [],
    "_report_sections": lambda _: [],
    "stash": lambda _: pytest.Stash(),
    _ALIAS: lambda node: node.stash,
}
_EMPTY = tuple(_ON_DEMAND.keys() - {"keywords", _ALIAS})


class NotMeasured(Failed):
    """What keeps a pair from being measured: an error of its set-up, by us alone.

    A failure to pytest like `pytest.fail`'s, which no other plugin raises. Its name is
    written as that one's is, without the module.
    """

    __module__ = "builtins"


class GateFailed(Failed):
    """A gate that did not pass: the failure of its test, by us alone."""

    __module__ = "builtins"


def xdist_queue(config: pytest.Config) -> list[Any]:
    """Return the indices of the items that wait in this xdist worker's queue."""
    for plugin in config.pluginmanager.get_plugins():
        queue = getattr(plugin, "torun", None)
        if queue is not None and hasattr(queue, "lock"):
            with queue.lock() as waiting:
                return [getattr(plugin, "nextitem_index", None), *waiting]
    return []


def option_names(parser: pytest.Parser) -> set[str]:
    """Return the names of all options that anybody has registered until now."""
    groups = (parser._anonymous, *parser._groups)
    options = (option for group in groups for option in group.options)
    return {name for option in options for name in option.names()}


def parser_of(config: pytest.Config) -> pytest.Parser:
    """Return the parser of a session's command line."""
    return config._parser


def forget_gates(config: pytest.Config) -> None:
    """Keep gates out of `--lf`: they are no items that could be run again."""
    plugin = config.pluginmanager.get_plugin("lfplugin")
    failed = getattr(plugin, "lastfailed", {})
    for key in [key for key in failed if "gate::" in str(key).partition("/")[0]]:
        del failed[key]


def xdist_workers(node: Any) -> int:
    """Return how many workers xdist starts a run with."""
    return len(node.nodemanager.specs)


def xdist_name(node: Any) -> str:
    """Return the name of an xdist worker, `gw0` and so on."""
    name: str = node.gateway.id
    return name


def xdist_source(report: pytest.TestReport) -> str:
    """Return the name of the xdist worker that a report came from."""
    return xdist_name(getattr(report, "node"))  # noqa: B009 - set by xdist alone


def is_crash(report: pytest.TestReport) -> bool:
    """Whether xdist made the report in place of a worker that died at the item."""
    return str(report.when) == "???"


def terminal_writer(terminal: pytest.TerminalReporter) -> TerminalWriter:
    """Return what the terminal reporter writes to."""
    return terminal._tw


def terminal_encoding(terminal: pytest.TerminalReporter) -> str:
    """Return the encoding of the stream that the terminal reporter writes to."""
    return getattr(terminal._tw._file, "encoding", None) or "utf-8"


def stream_holders(config: pytest.Config) -> Iterator[tuple[Any, str]]:
    """Yield where pytest's capturing keeps what it puts into `sys.stdout` and `stderr`.

    Each an object and the name of an attribute: the stream while it captures, and
    the one for the time between. Nothing with ``-s`` or ``-p no:capture``.
    """
    manager = config.pluginmanager.get_plugin("capturemanager")
    capturing = getattr(manager, "_global_capturing", None)
    for side in ("out", "err"):
        capture = getattr(capturing, side, None)
        holder = getattr(capture, "syscapture", capture)
        for name in ("tmpfile", "_old"):
            if getattr(holder, name, None) is not None:
                yield holder, name


def log_handlers(config: pytest.Config) -> list[logging.Handler]:
    """Return the handlers by which pytest shows and keeps what is logged."""
    plugin = config.pluginmanager.get_plugin("logging-plugin")
    values = vars(plugin).values() if plugin is not None else ()
    return [value for value in values if isinstance(value, logging.Handler)]
