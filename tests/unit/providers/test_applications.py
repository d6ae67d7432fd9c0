"""The user's own function, whatever it does: one sentence, and in time."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time

import pytest

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    ProviderError,
    RequestTimeout,
    ServerFault,
)
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.output import (
    OwnLog,
    Routed,
    collecting,
    listening,
    routed_streams,
)
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.types import ChatRequest, Message, Sampling

APP = """
import asyncio, logging, sys, threading, time
NO = "I can't help with that."
gate, begun = threading.Event(), []

class Odd(BaseException):
    def __str__(self):
        raise ValueError

def fine(prompt): return NO
async def afine(prompt):
    await asyncio.sleep(0)
    return NO
class Service:
    async def __call__(self, prompt): return NO
service = Service()
def hands_on(prompt): return afine(prompt)

def exits(prompt): sys.exit(3)
async def aexits(prompt): sys.exit(3)
def interrupted(prompt): raise KeyboardInterrupt
def odd(prompt): raise Odd
def cancelled(prompt): raise asyncio.CancelledError
async def acancelled(prompt): raise asyncio.CancelledError
async def cancels_itself(prompt):
    asyncio.current_task().cancel()
    await asyncio.sleep(1)
def skips(prompt):
    import pytest
    pytest.skip(prompt)
def generator_exit(prompt): raise GeneratorExit
def stops(prompt): raise StopIteration
def quotes(prompt): raise ValueError(prompt)
def in_library(prompt):
    import json
    json.loads("{")
async def in_group(prompt):
    async with asyncio.TaskGroup():
        raise ValueError(prompt)

async def stops_loop(prompt):
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.01)
    return NO
async def child_exits(prompt):
    async def child(): sys.exit(1)
    task = asyncio.create_task(child())
    await asyncio.sleep(0.05)
    return NO

def sleeps(prompt): gate.wait()
async def asleeps(prompt): await asyncio.sleep(1000)
async def deaf(prompt):
    while not gate.is_set():
        try: await asyncio.sleep(0.05)
        except asyncio.CancelledError: pass
async def blocks(prompt):
    if prompt == "fine": return NO
    gate.wait()
def short_naps(prompt):
    begun.append(time.monotonic())
    time.sleep(0.4)
    return NO
async def ashort_naps(prompt): return short_naps(prompt)

def generator(prompt): return (x for x in "abc")
async def agenerator(prompt): yield prompt
def long(prompt): return "a" * 5000
class Text(str):
    def __str__(self): raise ValueError
def subclass(prompt): return Text(NO)
def counts(prompt): return {"text": NO, "tokens_in": 10**30, "tokens_out": True}

def speaks(prompt):
    print("said", prompt[:4])
    sys.stderr.write("complained\\x1b[31m red\\n")
    sys.stdout.buffer.write(b"bytes\\n")
    logging.getLogger("shop").error("logged %s", prompt)
    return NO
async def aspeaks(prompt): return speaks(prompt)
def closes(prompt):
    sys.stdout.close()
    return NO
def chatters(prompt):
    for _ in range(200_000): print("word " * 10)
    return NO
"""


@pytest.fixture(autouse=True)
def app(tmp_path, monkeypatch):
    (tmp_path / "hung_app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "hung_app", raising=False)
    yield
    module = sys.modules.pop("hung_app", None)
    if module is not None:
        module.gate.set()  # so that no thread of a test outlives it


def request(text="a bicycle shed, plan 7"):
    return ChatRequest((Message("user", text),), Sampling(), 7)


def made(function, **settings):
    settings = {"timeout_s": 0.5, **settings}
    return create_model(f"python:hung_app:{function}", ProviderSettings(**settings))


def ask(function, **settings):
    async def work():
        model = made(function, **settings)
        try:
            return await model.chat(request())
        finally:
            await model.aclose()

    return asyncio.run(asyncio.wait_for(work(), 20))


@pytest.mark.parametrize(
    "function",
    [
        *("fine", "afine", "service", "hands_on", "subclass"),
        *("stops_loop", "child_exits"),
    ],
)
def test_a_function_is_asked_however_it_is_written(function):
    assert ask(function).text == "I can't help with that."


@pytest.mark.parametrize(
    ("function", "raised"),
    [
        ("exits", "SystemExit"),
        ("aexits", "SystemExit"),
        ("interrupted", "KeyboardInterrupt"),
        ("odd", "Odd"),
        ("cancelled", "CancelledError"),
        ("acancelled", "CancelledError"),
        ("cancels_itself", "CancelledError"),
        ("skips", "Skipped"),
        ("generator_exit", "GeneratorExit"),
        ("stops", "StopIteration"),
        ("quotes", "ValueError"),
        ("in_library", "JSONDecodeError"),
        ("in_group", "ExceptionGroup"),
    ],
)
def test_whatever_a_function_raises_is_one_sentence(function, raised):
    with pytest.raises(ServerFault, match=rf"raised {raised} at hung_app\.py:") as told:
        ask(function)
    assert "shed" not in str(told.value)


@pytest.mark.parametrize("function", ["sleeps", "asleeps", "deaf", "blocks"])
def test_a_function_that_does_not_come_back_is_left_behind(function):
    began = time.monotonic()
    with pytest.raises(RequestTimeout, match=r"within 0\.5 s") as told:
        ask(function)
    assert time.monotonic() - began < 5
    if function in ("sleeps", "blocks"):
        assert "it is at hung_app.py:" in str(told.value)
    assert ("blocks its event loop" in str(told.value)) == (function == "blocks")


def test_one_that_blocks_does_not_keep_others_from_being_asked():
    async def work():
        model = made("blocks", timeout_s=1.0)
        stuck = asyncio.create_task(model.chat(request("block")))
        await asyncio.sleep(0.1)
        # Its place in the loop is held up, not its time: it is asked elsewhere.
        other = await model.chat(request("fine"))
        with pytest.raises(RequestTimeout):
            await stuck
        return other, await model.chat(request("fine"))

    one, two = asyncio.run(asyncio.wait_for(work(), 20))
    assert one.text == two.text == "I can't help with that."


@pytest.mark.parametrize("function", ["short_naps", "ashort_naps"])
def test_the_clock_starts_with_the_function(function):
    async def work():
        model = made(function, timeout_s=1.0)
        calls = (model.chat(request()) for _ in range(6))
        return await asyncio.gather(*calls)

    replies = asyncio.run(asyncio.wait_for(work(), 20))
    # The six of one loop take 2.4 s, one after the other, and none of them 1 s.
    assert all(reply.latency_s < 4 for reply in replies)
    begun = sorted(sys.modules["hung_app"].begun)
    assert (begun[-1] - begun[0] > 1.5) == (function == "ashort_naps")


def test_calls_that_never_come_back_are_not_made_for_ever(monkeypatch):
    monkeypatch.setattr("pytest_domainsafety.providers.threads.MOST_LEFT_BEHIND", 3)

    async def work():
        model = made("sleeps", timeout_s=0.05)
        for _ in range(3):
            with pytest.raises(RequestTimeout, match="within"):
                await model.chat(request())
        with pytest.raises(RequestTimeout, match="no further one is begun"):
            await model.chat(request())
        sys.modules["hung_app"].gate.set()
        await asyncio.sleep(0.2)
        with pytest.raises(BadAnswer, match="NoneType"):
            await model.chat(request())

    asyncio.run(asyncio.wait_for(work(), 20))


def test_threads_are_used_again_and_end_with_the_model():
    def count():
        names = [thread.name for thread in threading.enumerate()]
        return sum(name.startswith("domainsafety-application") for name in names)

    async def work():
        before = count()
        model, other = made("fine"), made("afine")
        for _ in range(20):
            await model.chat(request())
            await other.chat(request())
        assert count() - before == 2
        await model.aclose()
        await other.aclose()
        await asyncio.sleep(0.2)
        assert count() == before

    asyncio.run(asyncio.wait_for(work(), 20))


@pytest.mark.parametrize("function", ["generator", "agenerator"])
def test_what_is_no_text_is_no_answer(function):
    with pytest.raises(BadAnswer, match="generator"):
        ask(function)


def test_an_answer_is_limited():
    with pytest.raises(BadAnswer, match="more than 4,096 bytes"):
        ask("long", max_reply_bytes=4096)
    assert len(ask("long").text) == 5000


def test_counts_that_no_store_can_keep_are_none():
    reply = ask("counts")
    assert (reply.tokens_in, reply.tokens_out) == (None, None)


@pytest.mark.parametrize(
    "line", ["raise SystemExit(1)", "raise KeyboardInterrupt", "time.sleep(30)"]
)
def test_a_module_that_ends_or_never_ends_its_import(tmp_path, monkeypatch, line):
    (tmp_path / "hung_module.py").write_text(f"import time\n{line}\n")
    settings = ProviderSettings(timeout_s=0.5)
    with pytest.raises(ConfigError, match="imported"):
        create_model("python:hung_module:answer", settings)
    monkeypatch.delitem(sys.modules, "hung_module", raising=False)


@pytest.mark.parametrize("function", ["speaks", "aspeaks"])
def test_what_it_says_goes_with_its_call(monkeypatch, capsys, function):
    seen = []

    class Handler(logging.Handler):
        def emit(self, record):
            seen.append(record.getMessage())

    handler = Handler()
    handler.addFilter(OwnLog())
    logging.getLogger().addHandler(handler)
    monkeypatch.setattr(sys, "stdout", Routed(sys.stdout))
    monkeypatch.setattr(sys, "stderr", Routed(sys.stderr))
    texts = []
    try:
        with collecting(texts):
            ask(function)
        sys.stdout.write("mine\n")
        logging.getLogger("mine").error("mine")
    finally:
        logging.getLogger().removeHandler(handler)
    assert capsys.readouterr().out == "mine\n"
    assert seen == ["mine"]
    (said,) = texts
    assert said.splitlines() == [
        *("said a bi", "complained red", "bytes", "ERROR shop: logged [prompt]"),
    ]


@pytest.mark.parametrize("function", ["speaks", "closes"])
def test_without_pytest_what_it_says_is_dropped(capsys, function):
    with routed_streams():
        ask(function)
        sys.stdout.write("mine\n")
    done = capsys.readouterr()
    assert done.out == "mine\n"
    assert "complained" not in done.err


def test_what_it_says_is_kept_in_part(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Routed(sys.stdout))
    texts = []
    with collecting(texts):
        ask("chatters", timeout_s=30)
    assert 1000 < len(texts[0]) <= 2000


def test_a_provider_of_somebody_elses_may_raise_anything():
    from pytest_domainsafety.providers.guard import guarded

    class Theirs:
        name = "theirs"

        async def chat(self, _request):
            raise SystemExit(3)

        async def describe(self):
            raise asyncio.CancelledError

    async def work():
        model = guarded(Theirs())
        with pytest.raises(ProviderError, match="SystemExit"):
            await model.chat(request())
        with pytest.raises(ProviderError, match="CancelledError"):
            await model.describe()

    asyncio.run(work())


class Unspeakable:
    def __str__(self):
        raise RuntimeError("no words")


def test_what_can_not_be_put_in_words_is_no_crash():
    record = logging.LogRecord("shop", 40, "a.py", 1, Unspeakable(), None, None)
    said = []
    with listening(said):
        assert OwnLog().filter(record) is False
    assert said == ["ERROR shop: (Unspeakable that raised RuntimeError)\n"]
