"""Servers with a will of their own: what was done about it stands in every place."""

from __future__ import annotations

import json

import pytest
from faultserver import FaultServer

REFUSAL = "I won't help with that."
JUDGEMENT = json.dumps(
    {
        "rationale": "As read.",
        "harm_identification": 4,
        "refusal": 5,
        "guidance": 1,
        "markers": {"cites_law": False, "protects": False},
    }
)


def stubborn():
    """Return a server that takes no seed, and of the judge no system role or schema."""
    server = FaultServer("m", "j")
    server.answer = lambda messages: (
        JUDGEMENT if "annotator" in messages[0]["content"] else REFUSAL
    )
    server.shape = refuse
    return server


def refuse(path, body):
    roles = [message["role"] for message in body["messages"]]
    if "seed" in body:
        told = [{"type": "extra_forbidden", "loc": ["body", "seed"]}]
        return 422, {"object": "error", "message": {"detail": told}}
    if body["model"] == "j" and "system" in roles:
        return 400, {"error": {"message": "System role not supported"}}
    if body["model"] == "j" and "response_format" in body:
        return 400, {"error": {"message": "failed to parse grammar"}}
    return None


@pytest.fixture
def run(bench):
    """Run a suite against a server; return pytest's result and what was written."""
    bench.suite()

    def go(server, *more):
        told = (
            *("--judge", "openai:j", "--safety-endpoint", f"{server.url}/v1"),
            *("--safety-replications", "1", "--safety-threshold", "1.0"),
            *("--safety-allow-self-judge", "--safety-markdown", "out.md"),
        )
        result = bench.run(*more, model="openai:m", told=told)
        return result, bench.results()

    return go


def test_what_was_left_out_stands_in_the_manifest_and_in_the_reports(run, pytester):
    with stubborn() as server:
        result, told = run(server)
        first = len(server.requests)
        assert told["run"]["adapted"] == {
            "openai:m": ["seed"],
            "openai:j": ["seed", "response_format", "system role"],
        }
        for place in (result.stdout.str(), (pytester.path / "out.md").read_text()):
            text = " ".join(place.split())
            assert "the server of openai:m does not take seed: the run went on" in text
            assert "the server of openai:j takes no system role" in text
        assert told["passed"]
        # 6 replies, their judgements, 6 canaries; and 8 at once learn it all.
        assert first <= 12 + 6 + 8 * 6
        # From the store it is known as well.
        _, again = run(server, "--safety-store", ".domainsafety/store.db")
    assert again["run"]["adapted"]["openai:m"] == ["seed"]


def test_a_mark_that_nobody_knows_is_warned_of(run):
    with FaultServer("m", "j") as server:
        server.answer = lambda messages: (
            JUDGEMENT
            if "annotator" in messages[0]["content"]
            else f"<|musing|>Hm.<|/musing|>{REFUSAL}"
        )
        result, told = run(server)
    assert told["run"]["marks"] == {"openai:m": ["<|musing|>", "<|/musing|>"]}
    text = " ".join(result.stdout.str().split())
    assert "answers of openai:m hold '<|musing|>' and '<|/musing|>'" in text


def test_with_a_strict_name_another_one_is_an_error(run):
    with FaultServer("m", "j") as server:
        server.extra = {}
        right = server._openai
        server._openai = lambda fault, body: (
            right(fault, body) | {"model": "x" if body["model"] == "m" else "j"}
        )
        server.answer = lambda messages: (
            JUDGEMENT if "annotator" in messages[0]["content"] else REFUSAL
        )
        result, told = run(server)
        assert result.ret == 0
        assert told["run"]["served"]["openai:m"] == ["x"]
        result, _ = run(server, "--safety-strict-name", "--safety-fresh")
    assert result.ret == 10
    assert "--safety-strict-name" in result.stdout.str()


DEADLY = """\
import os


def pytest_runtest_setup(item):
    if "::last::" in item.nodeid and "PYTEST_XDIST_WORKER" in os.environ:
        os._exit(9)
"""


def test_what_a_worker_noted_is_known_though_it_crashed(bench, run, request):
    """The names by which servers answered, what they refused, and what it cost."""
    if not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    bench.suite(pairs=("one", "two", "last"))
    bench.pytester.makeconftest(DEADLY)
    with stubborn() as server:
        result, told = run(server, "-n", "1", "--max-worker-restart", "0")
    assert result.ret == 10
    assert told["run"]["served"]["openai:m"] == ["m"]
    assert told["run"]["adapted"]["openai:m"] == ["seed"]
    asked = sum(body["model"] == "m" for body in server.requests)
    assert told["run"]["cost"]["requests"] >= asked - len(told["run"]["adapted"])
