"""docs/errors.md says what the code says."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "error_catalogue.py"


def load():
    spec = importlib.util.spec_from_file_location("error_catalogue", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_as_the_code_says_it():
    module = load()
    page = module.page()
    assert page == module.PAGE.read_text("utf-8"), module.__doc__
    assert page.count("\n- ") > 150


def test_a_sentence_is_read_with_what_is_filled_in():
    import ast

    module = load()
    scope = ast.parse(
        "def f(path, error):\n"
        "    what = 'is gone' if error else f'can\\'t be read ({error})'\n"
        "    message = f'{path!r}: no, {str(error)}'\n"
        "    raise ConfigError(message)\n"
        "    raise StoreError('a' if path else 'b')\n"
    ).body[0]
    assert list(module._of_scope(scope)) == [
        ("ConfigError", "‹path›: no, ‹error›"),
        ("StoreError", "a"),
        ("StoreError", "b"),
    ]


def test_what_is_said_of_many_files_is_said_in_one_place():
    from pytest_domainsafety.files import unreadable, unwritable

    error = PermissionError(13, "Permission denied")
    told = unreadable("‹path›", error), unwritable("‹path›", error)
    written = [one.replace("Permission denied", "‹error›") for one in told]
    assert written == list(load()._SAID.values())
    package = ROOT / "pytest_domainsafety"
    places = {
        path.name
        for path in package.rglob("*.py")
        if "{error.strerror or error}" in path.read_text("utf-8")
    }
    assert places <= {"database.py"}, "say it by files.unreadable or files.unwritable"
