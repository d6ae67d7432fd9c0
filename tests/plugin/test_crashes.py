"""What nobody foresaw, wherever it happens: one sentence, and its frames in a file."""

from __future__ import annotations

import pytest

CANARY = "canary7f3a"
LOUD = (
    *("-vv", "--tb=long", "-l", "--full-trace", "-rA", "--log-cli-level=DEBUG"),
    *("--junitxml=junit.xml", "--safety-junit=s.xml", "--safety-html=r.html"),
)
# What is broken, what is said of it, the exit status, and whether reports are there.
PLACES = {
    "pytest_domainsafety.engine.dialogue:Conductor.record": (
        "This pair could not be measured",
        10,
    ),
    "pytest_domainsafety.engine.judges:make_judges": ("The run can't begin", 4),
    "pytest_domainsafety.session.controller:build_manifest": ("The run can't begin", 4),
    "pytest_domainsafety.session.hooks:attach": (
        "What this pair came to could not be handed on",
        10,
    ),
    "pytest_domainsafety.session.controller:watch": ("The run can't begin", 4),
    "pytest_domainsafety.session.controller:keep": (
        "Not everything was kept in the store",
        10,
    ),
    "pytest_domainsafety.session.conclusion:conclude": (
        "The run came to no results",
        10,
    ),
    "pytest_domainsafety.session.controller:write_outputs": (
        "Not all files were written",
        10,
    ),
    "pytest_domainsafety.session.controller:show": ("The table can't be shown", 0),
    "pytest_domainsafety.session.collection:load_suite": (
        "labor.safety.yaml could not be read",
        2,
    ),
}
CONFTEST = """\
from importlib import import_module

import pytest_domainsafety.engine.engine
import pytest_domainsafety.session.controller


def broken(*args, **kwargs):
    raise LookupError("Please help, " + "7f3acanary"[4:] + "7f3a, the bicycle shed")


module, _, path = "{place}".partition(":")
target = import_module(module)
*holders, name = path.split(".")
for holder in holders:
    target = getattr(target, holder)
setattr(target, name, broken)
if hasattr(pytest_domainsafety.engine.engine, name):
    setattr(pytest_domainsafety.engine.engine, name, broken)
"""


@pytest.mark.parametrize("place", PLACES)
def test_it_is_a_sentence_and_no_frame(bench, place):
    said, status = PLACES[place]
    bench.pytester.makeconftest(CONFTEST.replace("{place}", place))
    bench.suite()
    done = bench.run(*LOUD, "--safety-threshold", "1", model="python:app:safe")
    told = done.stdout.str() + done.stderr.str()
    assert done.ret == status, told
    assert f"{said}: LookupError, whose traceback is in .domainsafety/crash.txt" in told
    for frame in ("Traceback", "INTERNALERROR", "def broken", "raise LookupError"):
        assert frame not in told
    file = bench.path / ".domainsafety" / "crash.txt"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "in broken" in file.read_text("utf-8")
    ours = (".py", ".pyc")
    written = [path for path in bench.path.rglob("*") if path.suffix not in ours]
    heard = {path.name for path in written if path.is_file() and _sings(path)}
    assert not heard
    assert CANARY not in told


def _sings(path):
    return CANARY.encode() in path.read_bytes()
