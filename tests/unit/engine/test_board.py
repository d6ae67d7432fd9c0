"""The board keeps places filled, and in split mode one stage at a time."""

import asyncio

from pytest_domainsafety.engine.queue import Board


class Recorder:
    """Jobs that wait to be let go, and a diary of what began."""

    def __init__(self):
        self.began = []
        self.changes = []
        self.most = 0
        self.running = 0

    def jobs(self, name, count):
        for number in range(count):
            yield self.job(f"{name}{number}")

    def job(self, name):
        async def run():
            self.began.append(name)
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1

        return run

    async def change(self, old, new):
        self.changes.append((old, new, len(self.began)))


async def settle():
    for _ in range(200):
        await asyncio.sleep(0)


def play(limit, split, work):
    """Run a board over [(stage, jobs)], and return the diary."""
    diary = Recorder()

    async def main():
        board = Board(("t", "j"), limit, split=split, change=diary.change)
        for stage, count in work:
            board.add(stage, diary.jobs(stage, count))
        await settle()
        assert board.running == 0

    asyncio.run(main())
    return diary


def test_no_more_than_the_limit_run_at_once():
    diary = play(3, False, [("t", 10)])
    assert len(diary.began) == 10
    assert diary.most == 3


def test_stream_prefers_a_later_stage_that_has_work_for_all_places():
    diary = Recorder()

    async def main():
        board = Board(("t", "j"), 2, split=False)
        board.add("t", diary.jobs("t", 5))  # two begin at once
        board.add("j", diary.jobs("j0.", 1))
        await asyncio.sleep(0)
        board.add("j", diary.jobs("j1.", 1))
        await settle()

    asyncio.run(main())
    assert diary.began == ["t0", "t1", "j0.0", "t2", "t3", "t4", "j1.0"]


def test_stream_ends_with_work_that_waits_for_nothing():
    """A reply's judgement follows it: six of each fill four places three times."""
    rounds = []

    async def main():
        board = Board(("t", "j"), 4, split=False)
        gate = asyncio.Event()

        def job(name, then=()):
            async def run():
                rounds[-1].append(name)
                await gate.wait()
                for stage, jobs in then:
                    board.add(stage, jobs)

            return run

        rounds.append([])
        judged = [iter([job(f"j{n}")]) for n in range(6)]
        board.add("t", iter([job(f"t{n}", [("j", judged[n])]) for n in range(6)]))
        while board.running:
            await settle()
            rounds.append([])
            gate.set()
            gate = asyncio.Event()
            await settle()

    asyncio.run(main())
    assert [len(one) for one in rounds if one] == [4, 4, 4]


def test_split_finishes_a_stage_before_the_next():
    diary = play(2, True, [("t", 3), ("j", 2)])
    assert diary.began == ["t0", "t1", "t2", "j0", "j1"]
    assert diary.changes == [(None, "t", 0), ("t", "j", 3), ("j", None, 5)]


def test_split_takes_up_work_that_comes_later():
    diary = Recorder()

    async def main():
        board = Board(("t", "j"), 2, split=True, change=diary.change)
        board.add("t", diary.jobs("t", 1))
        await settle()
        board.add("j", diary.jobs("j", 1))
        await settle()
        board.add("t", diary.jobs("u", 1))
        await settle()

    asyncio.run(main())
    assert diary.began == ["t0", "j0", "u0"]
    assert [new for _, new, _ in diary.changes] == ["t", None, "j", None, "t", None]


def test_jobs_are_drawn_only_as_places_come_free():
    drawn = []

    async def forever():
        await asyncio.Event().wait()

    def endless():
        while True:
            drawn.append(1)
            yield forever

    async def main():
        board = Board(("t",), 4, split=False)
        board.add("t", endless())
        await settle()
        assert len(drawn) == 4
        await asyncio.wait_for(board.cancel(), 1)
        assert board.running == 0

    asyncio.run(main())


def test_a_held_stage_waits_and_goes_on_when_pumped():
    diary, held = Recorder(), {"t"}

    async def main():
        board = Board(("t", "j"), 2, split=False, held=lambda stage: stage in held)
        board.add("t", diary.jobs("t", 2))
        board.add("j", diary.jobs("j", 1))
        await settle()
        assert diary.began == ["j0"]
        held.clear()
        board.pump()
        await settle()

    asyncio.run(main())
    assert diary.began == ["j0", "t0", "t1"]


def test_a_raised_limit_is_used_and_time_is_counted_by_stage():
    diary = Recorder()

    async def main():
        board = Board(("t",), 1, split=False)
        board.limit = 3
        board.add("t", diary.jobs("t", 6))
        await settle()
        return board

    board = asyncio.run(main())
    assert diary.most == 3
    assert board.wall["t"] > 0
    assert board.spent["t"] > 0


# ── what has much in common comes together ──────────────────────────────────


def in_line(places, limit=1):
    """Return the order in which jobs of these places begin, all waiting at once."""
    diary = Recorder()

    async def main():
        board = Board(("t", "j"), limit, split=True)
        for number, place in enumerate(places):
            board.add("j", diary.jobs(f"{''.join(place)}.{number}.", 1), place)
        await settle()

    asyncio.run(main())
    return [began.split(".")[0] for began in diary.began]


def test_judgements_go_rubric_by_rubric_and_prompt_by_prompt():
    mixed = [(rubric, prompt) for prompt in "pqp" for rubric in "abab"]
    assert in_line(mixed) == ["ap"] * 4 + ["aq"] * 2 + ["bp"] * 4 + ["bq"] * 2


def test_what_comes_later_joins_its_own_kind_and_nothing_is_lost():
    diary = Recorder()

    async def main():
        board = Board(("t", "j"), 2, split=False)
        for place in (("a", "p"), ("b", "p"), ("a", "q")):
            board.add("j", diary.jobs("".join(place), 1), place)
        await asyncio.sleep(0)
        for place in (("b", "p"), ("a", "q"), ("c", "p")):
            board.add("j", diary.jobs("".join(place), 1), place)
        await settle()
        assert not board.running

    asyncio.run(main())
    assert diary.began == ["ap0", "bp0", "bp0", "aq0", "aq0", "cp0"]


def test_the_order_keeps_no_place_empty():
    """As many at once as before, whatever the places are."""
    diary = Recorder()

    async def main():
        board = Board(("t", "j"), 4, split=False)
        for number in range(40):
            board.add("j", diary.jobs(f"{number}", 1), (f"{number % 7}", f"{number}"))
        await settle()

    asyncio.run(main())
    assert len(diary.began) == 40
    assert diary.most == 4
