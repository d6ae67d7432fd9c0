"""Write `docs/errors.md`: every sentence that a mistake or fault gets, from the code.

    python benchmarks/error_catalogue.py            # writes docs/errors.md
    python benchmarks/error_catalogue.py --check    # says whether it would be the same

What stands in angle brackets is filled in when the sentence is said.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "pytest_domainsafety"
PAGE = HERE.parent / "docs" / "errors.md"

HEADINGS = {
    "ConfigError": "An option or a setting",
    "UsageError": "A command line",
    "UserError": "A command that can't be done",
    "SourceError": "A file that was named to be read",
    "RecordError": "A record from outside",
    "StoreError": "The store",
    "ServerUnreachable": "A server that does not answer",
    "ModelNotFound": "A model that is not there",
    "RequestRefused": "A request that a server refuses",
    "PromptTooLong": "A prompt that is too long",
    "ModelChanged": "Another model than before",
    "RequestTimeout": "An answer that does not come in time",
    "ServerBusy": "A server that asks for patience",
    "ServerFault": "A server that fails",
    "BadAnswer": "An answer that is none",
    "ProviderError": "A provider",
    "JudgeError": "A judge",
}
"""Error class → what it is about, in the order of the page."""

_HEAD = """\
# What goes wrong, and what is said

Every sentence that a mistake or a fault gets, by what it is about. It is made from the
code by `python benchmarks/error_catalogue.py`, and a test holds the two together.
What stands in angle brackets is filled in. None holds a key, a prompt or a reply.

What is wrong with a suite file has a line number and is explained in
[writing-suites.md](writing-suites.md#domainsafety-validate); exit statuses are in
[running.md](running.md).
"""


class Sentence(NamedTuple):
    """One sentence, and the room whose code says it."""

    kind: str
    text: str
    module: str


# What is said at many places stands in one function.
_SAID = {
    "unreadable": "‹path›: can't be read (‹error›)",
    "unwritable": "‹path›: can't be written (‹error›)",
}


def sentences() -> list[Sentence]:
    """Return every sentence of the package, once each."""
    seen: dict[Sentence, None] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        tree = ast.parse(path.read_text("utf-8"))
        for scope in _scopes(tree):
            for kind, text in _of_scope(scope):
                seen[Sentence(kind, text, module)] = None
    return list(seen)


def _scopes(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _of_scope(scope: ast.AST) -> Iterator[tuple[str, str]]:
    named: dict[str, list[str]] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            text = _template(node.value)
            if text:
                named.setdefault(node.targets[0].id, []).append(text)
    for node in ast.walk(scope):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        kind = node.func.id if isinstance(node.func, ast.Name) else name
        if kind in HEADINGS:
            for text in _texts(node.args[0], named):
                yield kind, text


def _texts(node: ast.expr, named: dict[str, list[str]]) -> list[str]:
    if isinstance(node, ast.Name):
        return named.get(node.id, [])
    if isinstance(node, ast.IfExp):
        return _texts(node.body, named) + _texts(node.orelse, named)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return [_SAID[node.func.id]] if node.func.id in _SAID else []
    text = _template(node)
    # A sentence has words of its own; one that only passes another on has none.
    return [text] if text and text.replace("…", "").strip(" .:;") else []


def _template(node: ast.expr) -> str:
    """Return a string expression as a sentence with names for what is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(
            f"‹{_name(part.value)}›"
            if isinstance(part, ast.FormattedValue)
            else _template(part)
            for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (_template(node.left) or "…") + (_template(node.right) or "…")
    return ""


def _name(node: ast.expr) -> str:
    """Return the most telling name in an expression."""
    if isinstance(node, ast.Name):
        return node.id.strip("_")
    if isinstance(node, ast.Attribute):
        return node.attr.strip("_")
    if isinstance(node, ast.Call) and node.args:
        return _name(node.args[0])
    if isinstance(node, ast.Call):
        return _name(node.func)
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return "…"


def page() -> str:
    """Return the page's text."""
    parts = [_HEAD]
    every = sentences()
    for kind, heading in HEADINGS.items():
        mine = sorted({(s.text, s.module) for s in every if s.kind == kind})
        if mine:
            parts.append(f"\n## {heading}\n\n")
            parts += [f"- {_escaped(text)} (`{module}`)\n" for text, module in mine]
    return "".join(parts)


def _escaped(text: str) -> str:
    for sign in ("\\", "*", "_", "`", "<", ">", "|", "[", "]"):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv:
        same = PAGE.is_file() and PAGE.read_text("utf-8") == text
        print(
            "as the code says it"
            if same
            else "differs: python benchmarks/error_catalogue.py"
        )
        return 0 if same else 1
    PAGE.write_text(text, "utf-8")
    print(f"{text.count(chr(10) + '- ')} sentences")
    return 0


if __name__ == "__main__":
    sys.exit(main())
