"""What is ready at once is handed over one by one, and nothing stale is."""

from __future__ import annotations

import asyncio
import selectors
import socket
from contextlib import ExitStack

import pytest

from pytest_domainsafety.engine.loop import OneByOne, new_loop

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


@pytest.fixture
def pairs():
    """Four pairs of connected sockets; the first of each has something to read."""
    with ExitStack() as stack:
        made = [socket.socketpair() for _ in range(4)]
        for ours, theirs in made:
            stack.enter_context(ours)
            stack.enter_context(theirs)
            theirs.send(b"x")
        yield [ours for ours, _ in made]


@pytest.fixture
def selector():
    one = OneByOne()
    yield one
    one.close()


def test_each_ready_file_comes_once_and_alone(selector, pairs):
    for number, ours in enumerate(pairs):
        selector.register(ours, READ, number)
    seen = []
    for _ in pairs:
        ((key, events),) = selector.select(0)
        assert events == READ
        key.fileobj.recv(1)
        seen.append(key.data)
    assert sorted(seen) == [0, 1, 2, 3]
    assert selector.select(0) == []


def test_a_file_that_stays_ready_keeps_no_other_one_waiting(selector, pairs):
    for number, ours in enumerate(pairs):
        selector.register(ours, READ, number)
    # Nothing is read: all of them stay ready.
    seen = [selector.select(0)[0][0].data for _ in range(8)]
    assert sorted(seen) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_what_is_no_longer_watched_is_not_handed_over(selector, pairs):
    for number, ours in enumerate(pairs):
        selector.register(ours, READ, number)
    first = selector.select(0)[0][0].data
    for number, ours in enumerate(pairs):
        if number != first:
            selector.unregister(ours)
    assert [key.data for key, _ in selector.select(0)] == [first]


def test_a_file_registered_anew_is_looked_at_anew(selector, pairs):
    """A number that was closed and opened again is another file."""
    for number, ours in enumerate(pairs):
        selector.register(ours, READ, number)
    seen = selector.select(0)[0][0].fileobj
    later = next(ours for ours in pairs if ours is not seen)
    later.recv(1)
    selector.unregister(later)
    selector.register(later, READ, "anew")
    rest = [selector.select(0) for _ in range(4)]
    assert "anew" not in [key.data for found in rest for key, _ in found]


def test_a_changed_interest_counts_at_once(selector, pairs):
    for ours in pairs:
        selector.register(ours, READ, "old")
    seen = selector.select(0)[0][0].fileobj
    later = next(ours for ours in pairs if ours is not seen)
    selector.modify(later, WRITE, "new")
    found = [selector.select(0)[0] for _ in range(8)]
    events = {events for key, events in found if key.fileobj is later}
    assert events == {WRITE}
    assert {key.data for key, _ in found if key.fileobj is later} == {"new"}


def order(loop: asyncio.AbstractEventLoop, pairs) -> list[str]:
    """Return in which order answers that are there at once are read and followed."""
    diary = []

    async def one(ours):
        reader, writer = await asyncio.open_connection(sock=ours)
        await reader.read(1)
        diary.append("read")
        for _ in range(2):  # the steps that a client takes to its next request
            await asyncio.sleep(0)
        diary.append("sent")
        writer.close()

    async def main():
        await asyncio.gather(*map(one, pairs))

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    return diary


def test_the_first_answer_leads_to_a_request_before_the_last_is_read(pairs):
    diary = order(new_loop(), pairs)
    assert diary.count("sent") == 4
    assert "sent" in diary[:4]


def test_asyncio_alone_reads_all_of_them_first(pairs):
    """Else the loop of our own has become needless."""
    assert order(asyncio.SelectorEventLoop(), pairs)[:4] == ["read"] * 4
