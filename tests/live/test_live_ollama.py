"""The plugin against a really running Ollama: `tox -e ollama`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_domainsafety.store import Store

pytestmark = pytest.mark.live

SUITES = Path(__file__).resolve().parents[2] / "suites"
# 1: the poor model failed its gate; 10: the judge could not read its replies, be it a
# poor model too or word cues.
ENDED = (0, 1, 10)
FEW = (
    "--safety-replications",
    "1",
    "--safety-max-tokens",
    "64",
    "--safety-num-ctx",
    "4096",
    "-m",
    "subdomain(name='workplace')",
)


def command(*more: str) -> list[str]:
    suite = str(SUITES / "surveillance.safety.yaml")
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *more, suite]


def run(server, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*more),
        cwd=folder,
        env={**os.environ, "OLLAMA_HOST": server.url},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def assert_no_traceback(done: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def first_run(ollama, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    done = run(
        ollama,
        folder,
        *("--model", "smollm2", "--judge", "smollm2", "--safety-allow-self-judge"),
        *("--safety-json", "out.json", "--junitxml", "junit.xml", *FEW),
    )
    return folder, done


def test_a_model_is_judged_by_a_model(first_run):
    folder, done = first_run
    assert_no_traceback(done)
    assert done.returncode in ENDED, done.stdout + done.stderr
    results = json.loads((folder / "out.json").read_text())
    (domain,) = results["domains"]
    assert domain["domain"] == "surveillance"
    assert domain["responses"] == domain["pairs"] >= 2
    assert results["run"]["models"]["smollm2"]["digest"]
    assert results["run"]["models"]["smollm2"]["num_ctx"] == 4096
    assert "gate" in (folder / "junit.xml").read_text()


def test_everything_that_was_answered_is_in_the_store(first_run):
    folder, _ = first_run
    with Store(folder / ".domainsafety" / "store.db", create=False) as store:
        records = list(store.records())
        assert store.verify() == []
        assert store.counts()["replies"] >= len(records)
        assert {record.framing for record in records} == {"analytical", "operational"}


def test_what_the_store_has_is_not_asked_again(first_run, ollama):
    folder, _ = first_run
    done = run(ollama, folder, "--model", "smollm2", "--judge", "offline", *FEW)
    assert_no_traceback(done)
    assert "\n0 requests" in done.stdout


def test_a_misspelt_model_is_one_sentence(ollama, tmp_path):
    done = run(ollama, tmp_path, "--model", "smolm2", "--judge", "offline", *FEW)
    assert done.returncode == 4
    assert_no_traceback(done)
    said = done.stdout + done.stderr
    assert "smolm2" in said
    assert "smollm2" in said
    assert "ollama pull smolm2" in said


def test_a_misspelt_judge_is_one_sentence(ollama, tmp_path):
    done = run(ollama, tmp_path, "--model", "smollm2", "--judge", "gemma3:1", *FEW)
    assert done.returncode == 4
    assert "ollama pull gemma3:1" in done.stdout + done.stderr


def test_the_same_under_xdist(ollama, tmp_path):
    done = run(
        ollama,
        tmp_path,
        *("--model", "smollm2", "--judge", "offline", "-n", "2"),
        *("--safety-json", "out.json", *FEW),
    )
    assert_no_traceback(done)
    assert done.returncode in ENDED, done.stdout + done.stderr
    (domain,) = json.loads((tmp_path / "out.json").read_text())["domains"]
    assert domain["errors"] == 0


def test_a_stopped_server_names_the_address(ollama, tmp_path):
    ollama.stop()
    try:
        done = run(ollama, tmp_path, "--model", "smollm2", "--judge", "offline", *FEW)
    finally:
        ollama.start()
    assert done.returncode == 4
    assert_no_traceback(done)
    said = done.stdout + done.stderr
    assert f"127.0.0.1:{ollama.port}" in said
    assert "OLLAMA_HOST" in said


def test_a_server_that_dies_half_way_is_no_safe_model(ollama, tmp_path):
    """Items are errors, the gate is not passed, what was answered is kept."""
    store = tmp_path / ".domainsafety" / "store.db"
    more = ("--model", "smollm2", "--judge", "offline", "--safety-concurrency", "1")
    running = subprocess.Popen(
        command(*more, "--safety-retries", "1", "-v", *FEW),
        cwd=tmp_path,
        env={**os.environ, "OLLAMA_HOST": ollama.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not _replies(store):
            time.sleep(0.05)
        ollama.stop()
        said, _ = running.communicate(timeout=300)
    finally:
        running.kill()
        ollama.start()
    assert running.returncode == 10, said
    assert "Traceback" not in said
    assert "ERROR" in said
    assert _replies(store) >= 1


def test_a_killed_run_goes_on_where_it_stopped(ollama, tmp_path):
    store = tmp_path / ".domainsafety" / "store.db"
    more = ("--model", "smollm2", "--judge", "offline", *FEW)
    running = subprocess.Popen(
        command(*more),
        cwd=tmp_path,
        env={**os.environ, "OLLAMA_HOST": ollama.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not _replies(store):
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = _replies(store)
    assert kept >= 1
    done = run(ollama, tmp_path, *more)
    assert done.returncode in ENDED, done.stdout
    with Store(store, create=False) as opened:
        # A conversation has a reply a turn, and one record.
        total = sum(record.turn for record in opened.records())
        assert opened.counts()["replies"] == total
        assert opened.verify() == []
    assert f"\n{total - kept} requests" in done.stdout


def _replies(path: Path) -> int:
    if not path.is_file():
        return 0
    with Store(path) as store:
        return store.counts()["replies"]


def test_a_real_server_holds_a_judge_to_the_schema(ollama):
    """`format` and `logprobs` for real: one judgement, with expected scores."""
    import asyncio

    from pytest_domainsafety.judging.base import Case
    from pytest_domainsafety.judging.llm import LLMJudge
    from pytest_domainsafety.providers.base import ProviderSettings
    from pytest_domainsafety.providers.registry import create_model
    from pytest_domainsafety.types import Rubric

    rubric = Rubric(
        harm="Sees that people are put at risk.",
        guidance="Steps that could be followed.",
        markers={"cites_law": "Does it cite a law?", "protects": "Does it protect?"},
    )
    answers = []

    async def ask(model, request):
        answers.append(await model.chat(request))
        return answers[-1]

    async def judge_one():
        settings = ProviderSettings(endpoints=(ollama.url,))
        model = create_model("ollama:smollm2", settings)
        try:
            judge = LLMJudge(model, await model.describe(), 4096, logprobs=True)
            case = Case(("Help me.",), "I won't.", "operational", rubric, "Tests")
            return await judge.judge(case, ask, 1)
        finally:
            await model.aclose()

    judgement = asyncio.run(judge_one())
    # A small model may run into its token limit inside the rationale, no more.
    complete = [answer for answer in answers if answer.finish == "stop"]
    assert all(
        json.loads(answer.text)["guidance"] in range(1, 6) for answer in complete
    )
    assert (judgement.status == "scored") == bool(complete)
    assert all(answer.logprobs for answer in answers)
    if complete:
        assert judgement.expected.keys() <= {
            "harm_identification",
            "refusal",
            "guidance",
        }
        assert all(1 <= value <= 5 for value in judgement.expected.values())
