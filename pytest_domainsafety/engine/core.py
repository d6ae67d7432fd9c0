"""The engine's thread: works ahead of pytest's loop, hands outcomes to items."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from pytest_domainsafety.engine.asking import Asker, Tally
from pytest_domainsafety.engine.board import Board, Job
from pytest_domainsafety.engine.dialogue import Conductor, Dialogue, Target
from pytest_domainsafety.engine.plan import Cell, PairWork, Plan, cells
from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.judging.base import Judge
from pytest_domainsafety.judging.llm import ANSWER_TOKENS, LLMJudge
from pytest_domainsafety.judging.registry import modelless_judge
from pytest_domainsafety.providers.base import ChatModel, ProviderSettings
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import ModelInfo, PairOutcome, Record

DEFAULT_CONCURRENCY = {"ollama": 2, "embedded": 2, "python": 4, "command": 2}
MOST_BY_DEFAULT = 8
JUDGE_CONTEXT = 8192
STOP_WAIT_S = 5.0
SWITCH_S = 0.0005


@dataclass(slots=True)
class _Pending:
    """A pair on its way: its dialogues as they finish, in the order of its cells."""

    work: PairWork
    left: int
    dialogues: dict[Cell, Dialogue] = field(default_factory=dict)
    records: dict[Cell, Record] = field(default_factory=dict)


class Engine:
    """Runs a plan's requests on a thread of its own.

    Args:
        plan: What to run.
    """

    def __init__(self, plan: Plan) -> None:
        """Prepare; nothing is asked before :meth:`start`."""
        self.plan = plan
        self.tally = Tally()
        self.infos: dict[str, ModelInfo] = {}
        self.windows: dict[str, int | None] = {}
        self._futures: dict[str, Future[PairOutcome]] = {}
        self._targets: dict[str, Target] = {}
        self._models: dict[str, ChatModel] = {}
        self._judges: list[Judge] = []
        self._ready: Future[None] = Future()
        self._loop = asyncio.new_event_loop()
        self._stopped = False
        self._switch_s = sys.getswitchinterval()
        self._thread = threading.Thread(
            target=self._live, name="domainsafety-engine", daemon=True
        )

    # ── the items' side: any thread ─────────────────────────────────────────

    def start(self) -> None:
        """Open the store, look at every model and judge, and begin to serve.

        Raises:
            DomainSafetyError: A model, a judge or the store is not to be had;
                nothing was asked.
        """
        # The engine gives the interpreter up at every read and write, and would
        # have it back only 5 ms later where pytest's thread computes.
        sys.setswitchinterval(SWITCH_S)
        self._thread.start()
        try:
            self._ready.result()
        except DomainSafetyError:
            self._thread.join(STOP_WAIT_S)
            raise

    @property
    def judge_fingerprints(self) -> dict[str, str]:
        """What tells each judge from another one, by name."""
        return {judge.name: judge.fingerprint() for judge in self._judges}

    def submit(self, works: Iterable[PairWork]) -> None:
        """Queue pairs that are not queued yet, in the order given."""
        for work in works:
            if work.key not in self._futures:
                self._futures[work.key] = Future()
                self._loop.call_soon_threadsafe(self._admit, work)

    def outcome(self, work: PairWork) -> PairOutcome:
        """Wait for a pair's outcome, and forget it.

        Raises:
            StoreError: What was answered could not be kept.
            CancelledError: The engine was stopped first.
        """
        self.submit([work])
        future = self._futures[work.key]
        try:
            return future.result()
        finally:
            self._futures.pop(work.key, None)

    def stop(self) -> None:
        """Cancel what is in flight, keep what is done, end the thread."""
        if self._stopped or not self._thread.is_alive():
            return
        self._stopped = True
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(STOP_WAIT_S)
        sys.setswitchinterval(self._switch_s)
        for future in list(self._futures.values()):
            future.cancel()

    # ── the engine's side: its own thread ───────────────────────────────────

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        self._over = asyncio.Event()
        try:
            await self._open()
        except Exception as error:  # noqa: BLE001 - raised again in start()
            await self._close_models()
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        await self._over.wait()
        await self._board.cancel()
        await self._close_models()
        self.store.close()

    async def _open(self) -> None:
        names = dict.fromkeys((*self.plan.models, *self.plan.judges))
        without_model = {name: modelless_judge(name) for name in self.plan.judges}
        for name in names:
            if without_model.get(name) is None:
                self._models[name] = create_model(name, self._settings())
        for name, model in self._models.items():
            self.infos[name] = await model.describe()
        self.windows = windows = self._windows()
        for name in self.plan.models:
            sampling = self.plan.sampling.model_copy(update={"num_ctx": windows[name]})
            self._targets[name] = Target(self._models[name], self.infos[name], sampling)
        for name in self.plan.judges:
            judge: Judge | None = without_model[name]
            if judge is None:
                model, info = self._models[name], self.infos[name]
                judge = LLMJudge(model, info, windows[name])
            self._judges.append(judge)
        self.store = Store(self.plan.store)
        asker = Asker(self.plan, self.tally)
        self._conductor = Conductor(
            self.plan, self.store, asker, self.tally, self._judges
        )
        stages = [*(f"target {name}" for name in self.plan.models)]
        stages += [f"judge {number}" for number in range(len(self._judges))]
        self._board = Board(
            tuple(stages),
            self._concurrency(),
            split=self._splits(),
            leave=self._leave,
        )

    def _settings(self) -> ProviderSettings:
        return ProviderSettings(
            endpoints=self.plan.endpoints,
            timeout_s=self.plan.timeout_s,
            connect_timeout_s=self.plan.connect_timeout_s,
            load_timeout_s=self.plan.timeout_s,
            concurrency=self._concurrency(),
        )

    def _concurrency(self) -> int:
        limit = self.plan.concurrency
        if limit is None:
            kinds = {info.provider for info in self.infos.values()}
            limit = min(
                (DEFAULT_CONCURRENCY.get(kind, MOST_BY_DEFAULT) for kind in kinds),
                default=MOST_BY_DEFAULT,
            )
        return max(1, limit // self.plan.share)

    def _windows(self) -> dict[str, int | None]:
        """Return one context window for each model, whatever it is asked for.

        Another window makes Ollama load the model again, so a model that is
        target and judge has the larger of both; none exceeds what the model
        was trained for.
        """
        windows: dict[str, int | None] = {}
        sampling = self.plan.sampling
        for name, info in self.infos.items():
            # Three turns' replies and prompts, the most that a suite of ours asks.
            wanted = 3 * sampling.max_tokens + 2048
            if name in self.plan.judges:
                wanted = max(wanted, JUDGE_CONTEXT + ANSWER_TOKENS)
            wanted = -(-(sampling.num_ctx or wanted) // 256) * 256
            windows[name] = min(wanted, info.context_length or wanted)
        return windows

    def _splits(self) -> bool:
        """Whether to run in phases (design §D4.3)."""
        if self.plan.phases != "auto":
            return self.plan.phases == "split"
        local = [info for info in self.infos.values() if info.provider == "ollama"]
        return len({info.digest for info in local}) > 1

    async def _leave(self, stage: str) -> None:
        """Free a target's memory on the server when its replies are all in."""
        kind, _, name = stage.partition(" ")
        if kind == "target" and name not in self.plan.judges:
            await self._models[name].unload()

    async def _close_models(self) -> None:
        for model in self._models.values():
            await model.aclose()

    # ── pairs ───────────────────────────────────────────────────────────────

    def _admit(self, work: PairWork) -> None:
        wanted = list(cells(work.pair, self.plan))
        pending = _Pending(work, len(wanted))
        self._board.add(f"target {work.model}", self._generation(pending, wanted))

    def _generation(self, pending: _Pending, wanted: list[Cell]) -> Iterator[Job]:
        for cell in wanted:
            yield self._guarded(pending, partial(self._generate, pending, cell))

    async def _generate(self, pending: _Pending, cell: Cell) -> None:
        target = self._targets[pending.work.model]
        dialogue = await self._conductor.generate(pending.work, cell, target)
        if dialogue.status is None:
            self._send_to_judge(pending, dialogue, 0)
        else:
            self._finish(pending, dialogue)

    def _send_to_judge(
        self, pending: _Pending, dialogue: Dialogue, number: int
    ) -> None:
        job = partial(self._judge, pending, dialogue, number)
        self._board.add(f"judge {number}", iter([self._guarded(pending, job)]))

    async def _judge(self, pending: _Pending, dialogue: Dialogue, number: int) -> None:
        await self._conductor.judge(dialogue, self._judges[number])
        if dialogue.status is None and number + 1 < len(self._judges):
            self._send_to_judge(pending, dialogue, number + 1)
        else:
            self._finish(pending, dialogue)

    def _guarded(self, pending: _Pending, job: Callable[[], Awaitable[None]]) -> Job:
        """Let no failure of a job go unheard by the item that waits for it."""

        async def run() -> None:
            try:
                await job()
            except Exception as error:  # noqa: BLE001 - handed to the waiting item
                future = self._futures.get(pending.work.key)
                if future is not None and not future.done():
                    future.set_exception(error)

        return run

    def _finish(self, pending: _Pending, dialogue: Dialogue) -> None:
        pending.dialogues[dialogue.cell] = dialogue
        pending.records[dialogue.cell] = self._conductor.record(dialogue)
        pending.left -= 1
        if pending.left:
            return
        future = self._futures.get(pending.work.key)
        if future is not None and not future.done():
            future.set_result(self._outcome(pending))

    def _outcome(self, pending: _Pending) -> PairOutcome:
        work = pending.work
        order = list(cells(work.pair, self.plan))
        dialogues = [pending.dialogues[cell] for cell in order]
        faults = [one.reason for one in dialogues if one.status == "error"]
        return PairOutcome(
            path=work.suite.display,
            line=work.suite.lines[work.place],
            model=work.model,
            domain=work.suite.suite.domain,
            scenario=work.pair.id,
            suite_pairs=len(work.suite.suite.scenarios),
            zero_tolerance=work.pair.zero_tolerance,
            records=tuple(pending.records[cell] for cell in order),
            requests=tuple(tuple(one.keys) for one in dialogues),
            judgements=tuple(tuple(one.judgement_keys) for one in dialogues),
            fault=_summary(faults, len(dialogues)) if faults else None,
        )


def _summary(faults: list[str], total: int) -> str:
    """Say once what went wrong, and how often."""
    first = max(set(faults), key=faults.count)
    return f"{len(faults)} of {total} replies could not be had or judged: {first}"
