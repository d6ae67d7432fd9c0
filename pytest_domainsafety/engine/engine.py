"""The engine's thread: works ahead of pytest's loop, hands outcomes to items."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from contextlib import AsyncExitStack, suppress
from typing import Any

from pytest_domainsafety.engine.asking import Asker
from pytest_domainsafety.engine.budget import Budget
from pytest_domainsafety.engine.concurrency import context_windows, pacer
from pytest_domainsafety.engine.dialogue import Conductor, Target
from pytest_domainsafety.engine.judges import (
    check_judges,
    checking,
    kin_of,
    make_judges,
)
from pytest_domainsafety.engine.leaks import Leaks, check_leaks
from pytest_domainsafety.engine.opening import check_opening
from pytest_domainsafety.engine.pairs import PairQueue
from pytest_domainsafety.engine.phases import Residency
from pytest_domainsafety.engine.plan import PairWork, Plan
from pytest_domainsafety.engine.preflight import look_at, provider_settings
from pytest_domainsafety.engine.queue import Board
from pytest_domainsafety.engine.reuse import Reuse
from pytest_domainsafety.engine.second_sample import draw_second
from pytest_domainsafety.engine.tally import Tally
from pytest_domainsafety.errors import (
    EngineEnded,
    refused_by_system,
)
from pytest_domainsafety.judging.registry import modelless_judge
from pytest_domainsafety.providers.base import ChatModel
from pytest_domainsafety.providers.crash_report import report_crash
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Canaries, ModelInfo, PairOutcome

THREAD = "domainsafety-engine"
# The thread is a daemon: one that takes longer keeps no process alive.
STOP_WAIT_S = 5.0
KEEP_AHEAD = 256
"""Pairs that may be finished and not yet taken while pytest does not wait for one."""
# For Python's own 5 ms; why stands in `Engine.start`. 16% of the wall time of 720
# requests at zero latency (benchmarks/on_off.py).
SWITCH_S = 0.0005


class Engine(PairQueue):
    """Runs a plan's requests on a thread of its own.

    Args:
        plan: What to run.
    """

    def __init__(self, plan: Plan) -> None:
        """Prepare; nothing is asked before :meth:`start`."""
        super().__init__(plan)
        self.opening = "looking at models and judges"
        """What is being done before the first request, in words."""
        self._tally = Tally()
        self.infos: dict[str, ModelInfo] = {}
        self.windows: dict[str, int | None] = {}
        self.canaries: dict[str, Canaries] = {}
        self.leaks: Leaks = {}
        self._ended: EngineEnded | None = None
        self._models: dict[str, ChatModel] = {}
        self._residency: Residency
        self._budget: Budget
        self._ready: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event
        self._task: asyncio.Task[None]
        self._closing = AsyncExitStack()
        self._store: Store | None = None
        self._stopped = False
        self._switch_s = sys.getswitchinterval()
        self._thread = threading.Thread(target=self._live, name=THREAD, daemon=True)

    # ── the items' side: any thread ─────────────────────────────────────────

    def start(self) -> None:
        """Open the store, look at every model and judge, and begin to serve.

        Raises:
            DomainSafetyError: A model, a judge or the store is not to be had;
                nothing was asked.
        """
        try:
            self._loop = asyncio.new_event_loop()
        except OSError as error:
            raise EngineEnded(
                f"No request can be sent: {refused_by_system(error)}."
            ) from None
        # The engine gives the interpreter up at every read and write, and would
        # have it back only 5 ms later where pytest's thread computes.
        sys.setswitchinterval(SWITCH_S)
        self._thread.start()
        try:
            self._ready.result()
        except BaseException:
            # Ctrl-C, too: a program that is asked for a canary would go on.
            self.stop()
            raise

    @property
    def store(self) -> Store:
        """The run's store, from the start of the engine to its stop."""
        assert self._store is not None
        return self._store

    @property
    def budget(self) -> Budget:
        """What may still be spent, from the start of the engine on."""
        return self._budget

    @property
    def tally(self) -> Tally:
        """What the asking came to until now."""
        tally, board = self._tally, self._board
        if tally.requests:
            taking_turns = self._residency.takes_turns
            tally.concurrency = board.limit // (self.plan.share if taking_turns else 1)
        for stage, wall in list(board.wall.items()):
            tally.phases[self._stage_name(stage)] = round(wall, 3)
        tally.wall_s = round(board.busy, 3)
        spent = {"asking": 0.0, "judging": 0.0}
        for stage, seconds in list(board.spent.items()):
            spent["asking" if stage.startswith("target") else "judging"] += seconds
        tally.seconds |= {name: round(value, 3) for name, value in spent.items()}
        return tally

    @property
    def serving(self) -> tuple[str, ...]:
        """What is being done now, in words."""
        return tuple(map(self._stage_name, self._board.serving))

    @property
    def running(self) -> int:
        """Requests in flight now."""
        return self._board.running

    @property
    def stopped(self) -> bool:
        """Whether nothing more will be asked."""
        return self._stopped

    def _stage_name(self, stage: str) -> str:
        kind, _, rest = stage.partition(" ")
        return stage if kind == "target" else f"judge {self._judges[int(rest)].name}"

    @property
    def judge_fingerprints(self) -> dict[str, str]:
        """What tells each judge from another one, by name."""
        return {judge.name: judge.fingerprint() for judge in self._judges}

    def kin_of(self, judge: str) -> dict[str, str]:
        """Return the models under test that a judge is kin to: model → family."""
        return kin_of(self.plan, self.infos, judge)

    def frame(self, works: Iterable[PairWork]) -> None:
        """Take every pair of the run, to draw the second judge's sample from.

        To be called before anything is submitted, with the same pairs in every
        process.
        """
        if self.plan.second_judge is not None:
            kin = self.kin_of(self.plan.second_judge)
            self._conductor.drawn = draw_second(works, self.plan, kin)

    def submit(self, works: Iterable[PairWork]) -> None:
        """Queue pairs that are not queued yet, in the order given."""
        new = []
        for work in works:
            if work.key not in self._known:
                self._known.add(work.key)
                new.append(work)
        if new and not self._stopped:
            self._do(self._admit, new)

    def outcome(self, work: PairWork) -> PairOutcome:
        """Wait for a pair's outcome, and forget it.

        Raises:
            StoreError: What was answered could not be kept.
            EngineEnded: The engine's thread ended first, of itself.
            CancelledError: The engine was stopped first.
        """
        self.submit([work])
        with self._news:
            self._awaited = work.key
            if work.key not in self._finished and not self._stopped:
                self._do(self._pump)
            while work.key not in self._finished and not self._stopped:
                self._news.wait()
            self._awaited = None
            result = self._finished.pop(work.key, None)
            result = result or self._ended or CancelledError()
            self._known.discard(work.key)
        if len(self._finished) == KEEP_AHEAD // 2:
            self._do(self._pump)
        if isinstance(result, PairOutcome):
            return result
        raise result

    def said(self, work: PairWork) -> str:
        """Return what the application printed for a pair, and forget it."""
        with self._news:
            return "\n\n".join(self._said.pop(work.key, []))

    def stop(self) -> None:
        """Cancel what is in flight, keep what is done, end the thread."""
        sys.setswitchinterval(self._switch_s)
        with self._news:
            self._stopped = True
            self._news.notify_all()
        if self._thread.is_alive():
            self._do(self._end)
            self._thread.join(STOP_WAIT_S)
        # Only here: who waits for an outcome may read the store although the thread
        # has ended.
        if self._store is not None and not self._thread.is_alive():
            self._store.close()

    def _do(self, task: Callable[..., None], *args: Any) -> None:
        """Let the engine's thread do something; one that has ended does nothing."""

        def do() -> None:
            try:
                task(*args)
            except BaseException as error:  # noqa: BLE001 - or all would wait for ever
                self._give_up(error)

        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(do)

    # ── the engine's side: its own thread ───────────────────────────────────

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._note_forgotten)
        self._over = asyncio.Event()
        self._task = self._loop.create_task(self._main())
        try:
            self._loop.run_until_complete(self._task)
        except BaseException as error:  # noqa: BLE001 - or all would wait for ever
            self._give_up(error)
        # Where the thread is to end, nothing that happens on the way may wake it.
        with suppress(BaseException):
            self._loop.run_until_complete(self._closing.aclose())
        with suppress(BaseException):
            self._loop.close()

    def _note_forgotten(self, _loop: object, context: dict[str, Any]) -> None:
        """Keep the traceback of a task that nobody waits for; asyncio would log it."""
        error = context.get("exception")
        if isinstance(error, BaseException):
            report_crash(error, self.plan.store.parent)

    async def _main(self) -> None:
        try:
            await self._open()
        except Exception as error:  # noqa: BLE001 - raised again in start()
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        await self._over.wait()

    def _end(self) -> None:
        """Let the thread end, also where it has not begun to serve."""
        self._over.set()
        if not self._ready.done():
            self._task.cancel()

    def _give_up(self, error: BaseException) -> None:
        """Wake everybody who waits: the engine can't go on."""
        with self._news:
            if not self._stopped:
                told = report_crash(error, self.plan.store.parent)
                self._ended = EngineEnded(
                    f"The thread that asks the models ended with {told}: nothing more "
                    "is asked in this run; run it again, what was answered is in the "
                    "store."
                )
                self._stopped = True
            self._news.notify_all()
        if not self._ready.done():
            self._ready.set_exception(self._ended or error)
        self._over.set()

    async def _open(self) -> None:
        judges = self.plan.all_judges
        names = dict.fromkeys((*self.plan.models, *judges))
        without_model = {name: modelless_judge(name) for name in judges}
        self._closing.push_async_callback(self._close_models)
        asked = [name for name in names if without_model.get(name) is None]
        if self.plan.prices is not None:
            self.plan.prices.check(asked)
        settings = provider_settings(self.plan, asked)
        for name in asked:
            self._models[name] = create_model(name, settings)
        for name, model in self._models.items():
            self.opening = f"looking at {name}"
            self.infos[name] = await look_at(model, self.plan)
        self.windows = windows = context_windows(self.plan, self.infos)
        for name in self.plan.models:
            sampling = self.plan.sampling.model_copy(update={"num_ctx": windows[name]})
            for subject in self.plan.subjects.values():
                if subject.model == name:
                    self._targets[subject.name] = Target(
                        self._models[name],
                        self.infos[name],
                        sampling,
                        subject.system_prompt,
                    )
        self._judges = make_judges(
            self.plan, without_model, self._models, self.infos, windows
        )
        self._store = Store(self.plan.store, keep_text=self.plan.keep_text)
        self._residency = Residency(self.plan, self._models, self.infos, self._judges)
        self.splits = splits = await self._residency.splits()
        self._pacer = pacer(self.plan, self.infos, turns=self._residency.takes_turns)
        asker = Asker(self.plan, self._tally, self._pacer)
        self._budget = asker.budget
        reuse = Reuse(self.plan, self.store, self.infos, self._tally)
        self._conductor = Conductor(self.plan, self.store, asker, reuse, self._judges)
        if self.plan.budget:
            await check_opening(
                self.plan, self.store, self.infos, self._targets, self._judges
            )
        if self.plan.canaries:
            self.opening = "asking models to continue the suites' canaries"
            self.leaks = await check_leaks(
                dict(self.plan.canaries),
                [self._targets[name] for name in self.plan.models],
                asker.ask,
                self.plan.seed,
            )
        if self.plan.check_judges:
            self.canaries = await check_judges(
                self.plan, self._judges, asker.ask, self.store, reuse, self._note_check
            )
            self._residency.note_judges()
        stages = [*(f"target {name}" for name in self.plan.models)]
        stages += [f"judge {number}" for number in range(len(self._judges))]
        self._board = Board(
            tuple(stages),
            self._pacer.limit,
            split=splits,
            change=self._change,
            held=self._held,
            failed=self._give_up,
        )
        self._closing.callback(self._residency.give_back)
        self._closing.push_async_callback(self._board.cancel)

    def _note_check(self, judge: str, answered: int) -> None:
        self.opening = checking(judge, answered)

    async def _change(self, old: str | None, new: str | None) -> None:
        self._pacer.restart()
        await self._residency.change(old, new)

    def _held(self, stage: str) -> bool:
        """Hold new replies back while pytest has not taken what is finished."""
        if self._awaited is not None or not stage.startswith("target"):
            return False
        return len(self._finished) >= KEEP_AHEAD

    def _pump(self) -> None:
        self._board.limit = self._pacer.limit
        self._board.pump()

    async def _close_models(self) -> None:
        for model in self._models.values():
            await model.aclose()
