"""Before a run and after it: lists, addresses, keys, modules; and every command."""

from __future__ import annotations

import sys
from pathlib import Path

import leak_faults as faults
import pytest
from faultserver import FaultServer
from leak_outputs import FILES, LOUD, STORE, WALKED, heard, outputs, run, served

LISTS = {
    "refused": (401, {"error": {"message": f"Incorrect API key: {faults.KEY}"}}),
    "broken": (500, f"no {faults.KEY} {faults.PASSWORD}".encode()),
    "no list": (200, {"data": f"{faults.KEY}"}),
    "other names": (200, {"data": [{"id": faults.KEY}, {"id": "other"}]}),
    "odd names": (200, {"data": [{"id": {"a": faults.KEY}}, faults.PASSWORD]}),
    "odd facts": (
        200,
        {"data": [{"id": "m", "meta": faults.KEY, "owned_by": [faults.PASSWORD]}]},
    ),
    "redirect": (302, b"", {"location": f"http://x/?key={faults.KEY}"}),
    "too deep": (200, b"[" * 100_000 + faults.KEY.encode()),
}
ADDRESSES = {
    "a port too large": "http://user:{}@127.0.0.1:99999/v1",
    "no port": "http://user:{}@127.0.0.1:port/v1",
    "an odd bracket": "http://user:{}@[::1/v1",
    "no host": "http://user:{}@",
    "no scheme": "user:{}@127.0.0.1:9",
    "another scheme": "ftp://user:{}@127.0.0.1:9",
    "a blank": "http://user:{} x@127.0.0.1:9",
    "a slash": "http://user:a/{}@127.0.0.1:9",
    "the @ left out": "http://user:{}",
    "a query": "http://127.0.0.1:9/v1?api_key={}",
    "a name that is none": "http://user:{}@a..b/v1",
    "nobody there": "http://user:{}@127.0.0.1:9/v1",
}
DOMAINSAFETY = Path(sys.executable).with_name("domainsafety")
QUICK = ("--safety-connect-timeout=1", "--safety-timeout=2")
KEYS = ("{}…", "{}\n{}", "é{}")
BROKEN = {
    "raises": "import os\nraise ValueError(os.environ['OPENAI_API_KEY'])",
    "exits": "import os, sys\nsys.exit(os.environ['OPENAI_API_KEY'])",
    "prints": "import os\nprint(os.environ['OPENAI_API_KEY'])\nanswer = 1",
    "syntax": "key = 'sk-9d41c07be2-kingfisher",
}
COMMANDS = (
    ("analyze", "STORE"),
    ("verify", "STORE"),
    ("runs", "STORE"),
    ("trend", "STORE"),
    ("compare", "STORE", "STORE", "--anyway"),
    ("card", "STORE", "--model", "openai:o.good"),
    ("report", "STORE", "--html", "again.html", "--junit", "again.xml"),
    ("validate", "suites"),
    ("list", "suites"),
    ("rejudge", "STORE", "--judge", "openai:j.unknown-key", "--suite", "suites"),
    ("rejudge", "STORE", "--judge", "openai:j.status-500", "--suite", "suites"),
)


class Listing(FaultServer):  # type: ignore[misc]
    """A server whose list of models is told."""

    told: object = None

    def _listing(self, method, path, body):
        return self.told


def before(place, *args, model="openai:m"):
    return place.runpytest_subprocess(
        *("--safety-model", model, "--safety-judge", "offline", "--safety-retries=0"),
        *("-p", "no:cacheprovider", *FILES, *LOUD, *args, "suites"),
        timeout=120,
    )


def look(place, done, record_property):
    found = outputs(place.path, done)
    record_property(WALKED, (len(found), 1))
    assert heard(found, prompts_in=STORE, replies_in=STORE) == []
    told = done.stdout.str() + done.stderr.str()
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told
    return told


@pytest.mark.parametrize("name", LISTS)
def test_lists(name, place, record_property):
    with Listing() as server:
        server.told = LISTS[name]
        at = f"http://user:{faults.PASSWORD}@127.0.0.1:{server.port}/v1"
        done = before(place, "--safety-endpoint", at, *QUICK)
    look(place, done, record_property)


TOLD = [(name, "option") for name in ADDRESSES]
TOLD += [(name, "http_proxy") for name in [*ADDRESSES][::3]]
TOLD += [(name, "OPENAI_BASE_URL") for name in [*ADDRESSES][1::4]]


@pytest.mark.parametrize(("name", "told_by"), TOLD)
def test_addresses(name, told_by, place, record_property, monkeypatch):
    address = ADDRESSES[name].format(faults.PASSWORD)
    if told_by == "option":
        done = before(place, "--safety-endpoint", address, *QUICK)
    else:
        monkeypatch.setenv(told_by, address)
        # An address that nobody has (RFC 5737), so that a proxy would be asked.
        elsewhere = ("--safety-endpoint", "http://192.0.2.1:9/v1")
        done = before(place, *QUICK, *(elsewhere if "proxy" in told_by else ()))
    assert done.ret
    look(place, done, record_property)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
def test_keys_that_nobody_can_send(key, provider, place, record_property, monkeypatch):
    for name in ("OPENAI", "ANTHROPIC", "OLLAMA"):
        monkeypatch.setenv(f"{name}_API_KEY", key.format(faults.KEY, faults.KEY))
    done = before(place, model=f"{provider}:m")
    assert "holds a character" in look(place, done, record_property)


@pytest.mark.parametrize("more", [(), ("--collect-only",)])
def test_a_name_with_a_key(more, place, record_property):
    done = before(place, *more, model=f"command:echo {faults.KEY}")
    assert "holds a key" in look(place, done, record_property)


@pytest.mark.parametrize("name", BROKEN)
def test_applications_that_break(name, place, record_property):
    place.makepyfile(app=BROKEN[name])
    look(place, before(place, model="python:app:answer"), record_property)


def test_commands(place, record_property, request, monkeypatch):
    tables = {"o": faults.OPENAI, "j": faults.JUDGES}
    models = [*(f"openai:o.{fault}" for fault in faults.OPENAI), "openai:o.good"]
    with served(tables) as server:
        done = run(place, server, models, ["offline"], "quiet", request)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        for number, (command, *args) in enumerate(COMMANDS):
            words = [STORE[0] if word == "STORE" else word for word in args]
            done = place.run(DOMAINSAFETY, command, *words, timeout=120)
            told = done.stdout.str() + done.stderr.str()
            (place.path / f"{number}-{command}.out").write_text(told, "utf-8")
            assert "Usage:" not in told
            assert told
    found = outputs(place.path, done)
    record_property(WALKED, (len(found), len(models)))
    assert heard(found, prompts_in=STORE, replies_in=STORE) == []
    assert not any(b"Traceback" in data for data in found.values())
