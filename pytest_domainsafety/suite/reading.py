"""Bytes → YAML nodes → plain data, with everything refused that a suite is not.

Faster than `yaml.safe_load`, because a suite knows only text, numbers, yes or
no, lists and mappings; and stricter: no anchors and aliases, no tags, no
repeated keys, no deep nesting.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pytest_domainsafety.errors import SuiteError, SuiteProblem
from pytest_domainsafety.files import why_not
from pytest_domainsafety.text import clean, printable

MAX_BYTES = 10 * 2**20
"""A suite file may have 10 MiB: some ten thousand scenario pairs."""
MAX_DEPTH = 50
"""Levels of nesting; a suite has five."""

_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_TAG = "tag:yaml.org,2002:"
_STR, _MAP, _SEQ = f"{_TAG}str", f"{_TAG}map", f"{_TAG}seq"
_LONGEST_WORD = len("false")
_SCALARS = {
    f"{_TAG}int": _CONSTRUCTOR.construct_yaml_int,
    f"{_TAG}float": _CONSTRUCTOR.construct_yaml_float,
    f"{_TAG}bool": _CONSTRUCTOR.construct_yaml_bool,
    f"{_TAG}null": _CONSTRUCTOR.construct_yaml_null,
    f"{_TAG}value": _CONSTRUCTOR.construct_yaml_str,
}

# Signs of an alias, or of nesting deep enough to exhaust libyaml's C stack
# (which ends the process: tried, 50,000 brackets). Rare in honest suites; only
# then the file's events are walked, which costs about what loading costs.
_MAYBE_ALIAS = re.compile(r"(?:^|[\s,\[{:?-])\*[^\s]", re.MULTILINE)
_MAYBE_DEEP = re.compile(r"^[ \t?:-]{200}", re.MULTILINE)
_MANY_BRACKETS = 1000


class _Tags(yaml.resolver.BaseResolver):
    """Gives each node the tag that YAML gives it, with less looking.

    Resolving is half of what PyYAML's C loader takes, and nearly all that a suite
    holds is text. Of plain scalars that begin with a letter only the words for yes,
    no and nothing are no text; and no path in a suite has a tag of its own.
    """

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> Any:
        if kind is not ScalarNode:
            return _MAP if kind is MappingNode else _SEQ
        if not implicit[0] or (len(value) > _LONGEST_WORD and value[0].isalpha()):
            return _STR
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


class _PythonLoader(_Tags, yaml.SafeLoader):
    """Where PyYAML was built without libyaml."""


_LOADER: Any = _PythonLoader
if hasattr(yaml, "CSafeLoader"):

    class _CLoader(_Tags, yaml.CSafeLoader):
        """Several times faster."""

    _LOADER = _CLoader


class Fault(NamedTuple):
    """Something wrong with the YAML itself."""

    line: int
    message: str


class Document(NamedTuple):
    """One file's content: the node tree and the data built from it.

    Attributes:
        root: The tree, for lines.
        data: Mappings (all keys as the text that stands in the file), tuples
            and scalars.
        faults: What was wrong on the way.
    """

    root: Node
    data: Any
    faults: tuple[Fault, ...]


def read_document(path: Path, display: str) -> Document:
    """Read one YAML file.

    Args:
        path: The file.
        display: How messages name it.

    Raises:
        SuiteError: It can't be read at all: not there, too large, not UTF-8,
            not YAML, empty, several documents, aliases, nested too deep; or it is
            no plain file, of which the end may never come.
    """
    if not path.is_file() and (path.exists() or path.is_symlink()):
        raise _refuse(display, Fault(1, f"is no plain file but {_kind_of_path(path)}"))
    try:
        text = _read_text(path)
        fault = _forbidden(text)
        root = None if fault else _compose(text)
        if root is None:
            fault = fault or Fault(1, "is empty; expected a mapping with 'schema: 1'")
            raise _refuse(display, fault)
        builder = _Builder(escapes="\\" in text)
        return Document(root, builder.build(root), tuple(builder.faults))
    except OSError as error:
        raise _refuse(display, Fault(1, f"can't be read: {why_not(error)}")) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        fault = Fault(line, "is not UTF-8 text: save the file as UTF-8")
        raise _refuse(display, fault) from None
    except yaml.YAMLError as error:
        raise _refuse(display, _syntax_fault(error)) from None
    except RecursionError:
        raise _refuse(display, _too_deep(1)) from None


def _kind_of_path(path: Path) -> str:
    if not path.exists():
        return "a link that leads nowhere: mend or remove it"
    return "a folder: give it another name" if path.is_dir() else "a pipe or a device"


def _refuse(display: str, fault: Fault) -> SuiteError:
    return SuiteError([SuiteProblem(display, fault.line, fault.message)])


def _too_deep(line: int) -> Fault:
    return Fault(line, f"is nested deeper than {MAX_DEPTH} levels; a suite has five")


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(27, "it has more than 10 MiB; split the suite into several files")
    return data.decode("utf-8-sig")


def _compose(text: str) -> Node | None:
    loader = _LOADER(text)
    try:
        node: Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def _forbidden(text: str) -> Fault | None:
    """Return the first alias or too deep nesting, without building anything."""
    suspicious = (
        ("*" in text and _MAYBE_ALIAS.search(text))
        or text.count("[") + text.count("{") > _MANY_BRACKETS
        or _MAYBE_DEEP.search(text)
    )
    if not suspicious:
        return None
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        mark = event.start_mark
        line = mark.line + 1 if mark else 1
        if isinstance(event, yaml.events.AliasEvent):
            return Fault(
                line, "has an alias (*name): write the text out, or quote the asterisk"
            )
        if isinstance(event, yaml.events.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                return _too_deep(line)
        elif isinstance(event, yaml.events.CollectionEndEvent):
            depth -= 1
    return None


def _syntax_fault(error: yaml.YAMLError) -> Fault:
    seen = vars(error)
    mark = seen.get("problem_mark") or seen.get("context_mark")
    problem = seen.get("problem") or seen.get("reason")
    parts = [seen.get("context"), problem]
    what = ", ".join(part for part in parts if part) or "a character is not allowed"
    line = int(mark.line) + 1 if mark else 1
    if "but found another document" in what:
        return Fault(line, "holds more than one YAML document")
    context = seen.get("context_mark")
    if context and context.line + 1 < line:
        what += f" (it begins at line {context.line + 1})"
    return Fault(line, f"is not valid YAML: {printable(what)}")


class _Builder:
    """Builds plain data from nodes and notes what does not belong in a suite."""

    def __init__(self, *, escapes: bool) -> None:
        self.faults: list[Fault] = []
        # YAML keeps control characters out of plain text; only a "\…" escape in
        # double quotes can bring one in.
        self._escapes = escapes

    def build(self, node: Node) -> Any:
        kind = type(node)
        if kind is ScalarNode:
            if node.tag == _STR and not self._escapes:
                return node.value
            return self._scalar(node)  # type: ignore[arg-type]
        if kind is SequenceNode:
            if node.tag != _SEQ:
                self._foreign(node)
            return tuple([self.build(child) for child in node.value])
        if node.tag != _MAP:
            self._foreign(node)
        data: dict[str, Any] = {}
        for key, value in node.value:
            if type(key) is ScalarNode:
                data[key.value] = self.build(value)
        if len(data) < len(node.value):
            self._odd_keys(node)
        return data

    def _scalar(self, node: ScalarNode) -> Any:
        if node.tag == _STR:
            if clean(node.value)[1]:
                self._note(node, "has a control character: take the escape out")
            return node.value
        construct = _SCALARS.get(node.tag)
        if construct is None:
            self._foreign(node)
            return node.value
        try:
            return construct(node)
        except ValueError:
            self._note(node, "has a number that can't be read: put it in quotes")
            return node.value

    def _foreign(self, node: Node) -> None:
        tag = printable(node.tag.removeprefix(_TAG), 40)
        if tag == "timestamp":
            self._note(node, "has a date; expected text: put it in quotes")
        else:
            self._note(node, f"has the YAML tag {tag!r}; a suite has none")

    def _odd_keys(self, node: Node) -> None:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                self._note(key, "has a list or mapping as a key; expected a name")
            elif key.value in seen:
                name = printable(key.value, 40)
                self._note(key, f"the key {name!r} is there twice in one mapping")
            else:
                seen.add(key.value)

    def _note(self, node: Node, message: str) -> None:
        self.faults.append(Fault(node.start_mark.line + 1, message))
