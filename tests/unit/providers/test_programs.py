"""Programs that fork, hang, flood and hide: an answer or one sentence, nobody left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    PromptTooLong,
    RequestTimeout,
    ServerFault,
    ServerUnreachable,
)
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.output import collecting
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.types import ChatRequest, Message, Sampling

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="who is left is looked up in /proc"
)
# Each test's own sleepers are known by how long they sleep.
SLEEP = "sleep {seconds}"


@pytest.fixture
def sleeper():
    """A command that nobody else runs, and that shall not run after the test."""
    seconds = f"{1000 + os.getpid() % 1000}.{time.monotonic_ns() % 10**6:06d}"
    yield SLEEP.format(seconds=seconds)
    left = running(seconds)
    for number in left:
        with contextlib.suppress(OSError):
            os.kill(number, signal.SIGKILL)
    assert left == []


def running(word):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if word.encode() in words:
                    found.append(int(entry.name))
    return found


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Make a shell script; return the model's name."""
    monkeypatch.chdir(tmp_path)

    def make(text):
        path = tmp_path / "product.sh"
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
        return "command:./product.sh"

    return make


def request(text="a bicycle shed, plan 7"):
    return ChatRequest((Message("user", text),), Sampling(), 7)


def ask(name, asked=None, **settings):
    async def work():
        model = create_model(name, ProviderSettings(**{"timeout_s": 1.0, **settings}))
        return await model.chat(asked or request())

    return asyncio.run(asyncio.wait_for(work(), 30))


HANGS = {
    "child": "{sleep} & cat >/dev/null; {sleep}",
    "session": "setsid {sleep} & {sleep}",
    "double_fork": "( setsid bash -c '{sleep} & {sleep} &' & ) ; {sleep}",
    "deaf": "trap '' TERM INT HUP; {sleep} & while true; do {sleep}; done",
    "closed_output": "exec >&- 2>&-; {sleep}",
    "never_reads": "{sleep}",
    "unread_output": "cat >/dev/null; head -c 400000 /dev/zero | tr '\\0' a; {sleep}",
    "tree": "for i in 1 2 3; do (for j in 1 2 3; do {sleep} & done; wait) & done; wait",
}


@pytest.mark.parametrize("how", HANGS)
def test_a_program_that_does_not_end_is_ended_with_all_its_own(program, sleeper, how):
    began = time.monotonic()
    with pytest.raises(RequestTimeout, match="within 1 s"):
        ask(program(HANGS[how].format(sleep=sleeper)), request("x" * 300_000))
    assert time.monotonic() - began < 8


ENDS = {
    "child_holds_output": "{sleep} & echo no",
    "session": "setsid {sleep} >/dev/null 2>&1 < /dev/null & echo no",
    "double_fork": "( setsid bash -c '{sleep} & {sleep} &' & ) ; echo no",
    "late_writer": "( sleep 0.3; echo no ) & exit 0",
    "closes_input": "exec <&-; echo no",
}


@pytest.mark.parametrize("how", ENDS)
def test_who_is_left_of_a_program_that_answered_is_ended(program, sleeper, how):
    asked = request("x" * 300_000)
    reply = ask(program(ENDS[how].format(sleep=sleeper)), asked, timeout_s=10)
    assert reply.text == "no"


@pytest.mark.parametrize("flood", ["yes", "yes >&2", "yes & yes >&2 & wait"])
def test_output_is_limited(program, flood):
    began = time.monotonic()
    with pytest.raises(BadAnswer, match="more than 1,048,576 bytes"):
        ask(program(flood), timeout_s=60, max_reply_bytes=2**20)
    assert time.monotonic() - began < 20
    assert running("yes") == []


def test_a_request_that_is_given_up_ends_its_program(program, sleeper):
    async def work():
        settings = ProviderSettings(timeout_s=60)
        model = create_model(program(f"{sleeper} & {sleeper}"), settings)
        asked = asyncio.create_task(model.chat(request()))
        await asyncio.sleep(0.5)
        assert len(running(sleeper.split()[1])) == 2
        asked.cancel()
        await asyncio.wait([asked])

    asyncio.run(work())


def test_programs_at_once_do_not_end_each_other(program):
    name = program("cat; sleep 0.4; echo; echo $$")

    async def work():
        model = create_model(name, ProviderSettings(timeout_s=20))
        calls = (model.chat(request(f"plan {n}")) for n in range(6))
        return await asyncio.gather(*calls)

    replies = asyncio.run(work())
    assert [reply.text.split("\n")[0] for reply in replies] == [
        f"plan {n}" for n in range(6)
    ]


def test_why_it_failed_is_said_in_its_own_words(program):
    with pytest.raises(ServerFault) as told:
        ask(
            program("cat >&2; printf '\\n\\033[31mno such flag\\033[0m\\n' >&2; exit 7")
        )
    assert "status 7: no such flag (" in str(told.value)
    with pytest.raises(ServerFault) as told:
        ask(program("cat >&2; exit 7"))
    assert "[prompt]" in str(told.value)
    assert "shed" not in str(told.value)
    with pytest.raises(ServerFault, match="was ended by SIGSEGV"):
        ask(program("kill -SEGV $$"))


def test_what_it_says_beside_its_answer_goes_with_the_item(program):
    texts = []
    with collecting(texts):
        assert ask(program("cat >&2; echo warned >&2; echo no")).text == "no"
    assert texts == ["[prompt]warned"]


def test_colours_are_no_part_of_an_answer(program):
    name = program(
        "printf '\\033]0;title\\007\\033[1;31mI can not\\033[0m help\\033[K\\033(B.'"
    )
    assert ask(name).text == "I can not help."


def test_it_runs_in_an_empty_folder_of_its_own(program, tmp_path):
    name = program("pwd; ls -A | wc -l; touch left-behind")
    one, two = ask(name).text.split("\n"), ask(name).text.split("\n")
    assert one[1].strip() == two[1].strip() == "0"
    assert one[0] != two[0]
    assert not Path(one[0]).exists()
    assert not (tmp_path / "left-behind").exists()
    assert ask(name, command_folder=tmp_path).text.startswith(str(tmp_path))
    assert (tmp_path / "left-behind").exists()


def test_files_are_named_from_where_the_user_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("import sys; print(*map(len, sys.argv[1:]))")
    (tmp_path / "chat").mkdir()
    (tmp_path / "conf.toml").touch()
    name = f"command:{sys.executable} app.py --conf=conf.toml gone.toml chat {{prompt}}"
    named = len(f"--conf={tmp_path / 'conf.toml'}")
    assert ask(name, request("abc")).text == f"{named} {len('gone.toml')} 4 3"


def test_it_gets_few_variables(program, monkeypatch):
    monkeypatch.setenv("SHOP_REGION", "eu")
    monkeypatch.setenv("LC_SHOP", "de")
    name = program("env")
    got = dict(line.split("=", 1) for line in ask(name).text.split("\n"))
    assert "SHOP_REGION" not in got
    assert got["LC_SHOP"] == "de"
    assert got["PATH"] == os.environ["PATH"]
    assert (got["NO_COLOR"], got["TERM"]) == ("1", "dumb")
    more = ask(name, command_env=("SHOP_REGION",)).text
    assert "SHOP_REGION=eu" in more
    with pytest.raises(ConfigError, match="--safety-command-env SHOP_REGOIN"):
        ask(name, command_env=("SHOP_REGOIN",))


def test_what_can_not_be_started_is_a_sentence(program, tmp_path, monkeypatch):
    name = program("cat")
    with pytest.raises(PromptTooLong, match="it comes on standard input"):
        ask(f"{name} {{prompt}}", request("x" * 3_000_000))
    assert len(ask(name, request("x" * 3_000_000), timeout_s=20).text) == 3_000_000
    model = create_model(name, ProviderSettings())
    (tmp_path / "product.sh").unlink()
    with pytest.raises(ServerUnreachable, match="could not be started"):
        asyncio.run(model.chat(request()))


def test_odd_characters_reach_it_as_something_that_can_be_said(program):
    odd = request("a\0b\ud800c")
    assert ask(program('printf %s "$1"') + " {prompt}", odd).text == "a\ufffdb?c"


ENDED = """
import asyncio, os, sys, signal
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.processes import end_with_us
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.types import ChatRequest, Message, Sampling
end_with_us()
request = ChatRequest((Message("user", "x"),), Sampling(), 7)
model = create_model("command:./product.sh", ProviderSettings(timeout_s=60))
asyncio.run(model.chat(request))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_us_ends_them(program, sleeper, number):
    program(f"setsid {sleeper} & {sleeper}")
    child = subprocess.Popen([sys.executable, "-c", ENDED], start_new_session=True)
    deadline = time.monotonic() + 20
    while len(running(sleeper.split()[1])) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.send_signal(number)
    assert child.wait(10) == -number
