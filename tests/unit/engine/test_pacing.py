"""The pacer finds a server's capacity, and gives way; on a simulated clock."""

import heapq

from pytest_domainsafety.engine.concurrency import START, Pacer


class Simulated:
    """A server with slots: what exceeds them waits, or is sent away."""

    def __init__(self, slots, *, latency=1.0, refuses_over=None):
        self.slots, self.latency, self.refuses_over = slots, latency, refuses_over
        self.now = 0.0
        self.history = []

    def play(self, answers, **options):
        pacer = Pacer(clock=lambda: self.now, **options)
        free = [0.0] * self.slots
        flying: list[tuple[float, bool]] = []
        while answers:
            while len(flying) < pacer.limit:
                if self.refuses_over is not None and len(flying) >= self.refuses_over:
                    heapq.heappush(flying, (self.now + 0.01, False))
                    continue
                start = max(self.now, heapq.heappop(free))
                heapq.heappush(free, start + self.latency)
                heapq.heappush(flying, (start + self.latency, True))
            self.now, answered = heapq.heappop(flying)
            if answered:
                answers -= 1
                pacer.answered()
            else:
                pacer.busy()
            self.history.append(pacer.limit)
        return pacer


def test_it_grows_to_the_servers_slots_and_stays_near():
    server = Simulated(32)
    server.play(6000)
    assert server.history[0] == START
    settled = server.history[2000:]
    assert min(settled) >= 24
    assert max(settled) < 2 * 32


def test_a_server_of_one_slot_does_not_lure_it_up():
    server = Simulated(1)
    pacer = server.play(500)
    assert max(server.history) <= 2 * START
    assert pacer.limit <= 2 * START


def test_it_halves_when_the_server_asks_for_patience():
    server = Simulated(64, refuses_over=20)
    server.play(3000)
    assert max(server.history) <= 20 + 2 * START
    assert min(server.history[1000:]) >= 5
    halvings = [
        (before, after)
        for before, after in zip(server.history, server.history[1:], strict=False)
        if after < before
    ]
    assert halvings
    assert all(after >= before // 2 for before, after in halvings)


def test_complaints_of_what_was_in_flight_together_count_once():
    pacer = Pacer(limit=16)
    for _ in range(16):
        pacer.busy()
    assert pacer.limit == 8
    for _ in range(8):
        pacer.busy()
    assert pacer.limit == 4


def test_it_never_falls_below_one():
    pacer = Pacer()
    for _ in range(100):
        pacer.busy()
    assert pacer.limit == 1


def test_a_fixed_limit_stays_whatever_happens():
    pacer = Pacer.fixed(8)
    for _ in range(500):
        pacer.answered()
        pacer.busy()
    assert pacer.limit == 8


def test_the_ceiling_holds():
    server = Simulated(500)
    assert server.play(4000, ceiling=20).limit <= 20
    assert max(server.history) == 20
