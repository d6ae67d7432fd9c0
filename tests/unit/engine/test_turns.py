"""Processes take turns on a server; one that dies stands in nobody's way."""

import asyncio
import subprocess
import sys
import tempfile

import pytest

from pytest_domainsafety.engine import phases as turns
from pytest_domainsafety.engine.phases import Turns, clear

HOLD = """
import asyncio, sys
from pytest_domainsafety.engine.phases import Turns
turns = Turns(sys.argv[1], "server")
asyncio.run(turns.take("m"))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


async def patiently(awaitable):
    return await asyncio.wait_for(awaitable, 20)


def test_one_at_a_time_and_each_learns_what_is_loaded():
    async def main():
        one, two = Turns("run", "server"), Turns("run", "server")
        assert await patiently(one.take("a")) is None
        waiting = asyncio.create_task(two.take("a"))
        await asyncio.sleep(5 * turns.LOOK_AGAIN_S)
        assert not waiting.done()
        one.give_back()
        assert await patiently(waiting) == "a"
        two.give_back()
        assert await patiently(one.take("b")) == "a"
        one.give_back()

    asyncio.run(main())


def test_who_wants_the_loaded_model_goes_first():
    async def main():
        holder, other, same = (Turns("run", "server") for _ in range(3))
        order = []

        async def turn(who, model):
            await who.take(model)
            order.append(model)
            who.give_back()

        await holder.take("a")
        tasks = [asyncio.create_task(turn(other, "b"))]
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(turn(same, "a")))
        await asyncio.sleep(2 * turns.LOOK_AGAIN_S)
        holder.give_back()
        await patiently(asyncio.gather(*tasks))
        assert order == ["a", "b"]

    asyncio.run(main())


def test_another_server_is_another_turn():
    async def main():
        one, two = Turns("run", "here"), Turns("run", "there")
        await patiently(one.take("a"))
        await patiently(two.take("b"))
        one.give_back()
        two.give_back()

    asyncio.run(main())


def test_the_lock_of_a_killed_process_is_free():
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, "run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"

    async def main():
        mine = Turns("run", "server")
        waiting = asyncio.create_task(mine.take("m"))
        await asyncio.sleep(5 * turns.LOOK_AGAIN_S)
        assert not waiting.done()
        holder.kill()
        assert await patiently(waiting) == "m"
        mine.give_back()

    try:
        asyncio.run(main())
    finally:
        holder.kill()
        holder.communicate()
    clear("run")
    assert not list(turns.run_folder("run").parent.iterdir())
