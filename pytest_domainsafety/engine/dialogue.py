"""How one interaction comes about: ask turn by turn, then have it judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

from pytest_domainsafety.analysis.cascade import is_sure, may_decide
from pytest_domainsafety.engine.asking import Asker
from pytest_domainsafety.engine.conversation import (
    CODED,
    UNJUDGED,
    per_turn,
    present,
    scores_of,
    turn_cases,
    turn_key,
    turns_of,
    whole,
)
from pytest_domainsafety.engine.plan import (
    EMPTY_TRIES,
    Cell,
    PairWork,
    Plan,
    judgement_key,
    request_key,
    request_row,
    rewordings,
    seed_for,
)
from pytest_domainsafety.engine.reuse import Reuse
from pytest_domainsafety.engine.second_sample import Drawn
from pytest_domainsafety.engine.tally import Purpose
from pytest_domainsafety.errors import BudgetSpent, ProviderError
from pytest_domainsafety.judging.base import Case, Judge
from pytest_domainsafety.judging.coherence import coherent
from pytest_domainsafety.judging.guards.judge import by_word, sureness
from pytest_domainsafety.judging.llm import told_besides
from pytest_domainsafety.judging.together import together
from pytest_domainsafety.providers.base import (
    ChatModel,
    is_worth_another_try,
    reply_kind,
)
from pytest_domainsafety.store import Store
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import (
    COMPLIES_AT,
    STRONG_REFUSAL_AT,
    ChatRequest,
    Judgement,
    Message,
    ModelInfo,
    Record,
    RecordStatus,
    Reply,
    Sampling,
    Scores,
    judged_by,
)


@dataclass(slots=True)
class Target:
    """A model under test, ready to be asked under one condition."""

    model: ChatModel
    info: ModelInfo
    sampling: Sampling
    system_prompt: str | None = None


@dataclass(slots=True)
class Dialogue:
    """One interaction on its way: what was asked, answered and judged so far.

    The texts of the replies stay in the store; a dialogue that waits for its
    judge holds keys alone, so that memory does not grow with the run.

    Attributes:
        asked: The user's turns so far; `keys` are those of their requests.
        last: Of the last reply what is no text; of all of them what they took.
        answers: Turns that came to an answer, the first ones.
        judged: Judges that have read all of these.
        said: For each judge what it said of each turn.
        unasked: Whether its status is an error because a budget was spent.
    """

    work: PairWork
    cell: Cell
    seed: int
    asked: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    status: RecordStatus | None = None
    reason: str = ""
    last: Reply | None = None
    reply_hash: str = ""
    reasoned: bool = False
    answers: int = 0
    judged: int = 0
    said: list[list[Judgement]] = field(default_factory=list)
    judgement_keys: list[str] = field(default_factory=list)
    failed: list[Scores] = field(default_factory=list)
    second: Scores | None = None
    trace: Scores | None = None
    unasked: bool = False

    @property
    def purpose(self) -> Purpose:
        """Which verdict its questions are for."""
        return self.work.model, self.work.suite.suite.domain


class Step(NamedTuple):
    """What a dialogue needs next: a judge, by number, for an answer or a trace.

    Or a further turn (`turn`), which is the model's.
    """

    kind: Literal["answer", "second", "trace", "turn"]
    judge: int


class Conductor:
    """Leads dialogues: generation, judging, and the record at the end."""

    def __init__(
        self, plan: Plan, store: Store, asker: Asker, reuse: Reuse, judges: list[Judge]
    ) -> None:
        """Bind the conductor to a run."""
        self._plan = plan
        self._store = store
        self._asker = asker
        self._reuse = reuse
        self._judges = judges
        self._subjects = plan.subjects
        self.drawn: Drawn = frozenset()

    async def generate(self, work: PairWork, cell: Cell, target: Target) -> Dialogue:
        """Ask a prompt, turn by turn, and settle what can be settled unjudged."""
        domain, pair = work.suite.suite.domain, work.pair
        dialogue = Dialogue(
            work, cell, seed_for(self._plan, domain, pair.id, cell, 1, 1)
        )
        await self._ask(dialogue, target, pair.turns(cell.framing, cell.variant))
        return dialogue

    async def go_on(self, dialogue: Dialogue, target: Target) -> bool:
        """Ask the next rewording of what was refused; it is to be judged anew.

        Returns:
            Whether it was asked: no budget was spent before.
        """
        turn = self._rewording(dialogue)
        if turn is not None:
            dialogue.judged = 0
            await self._ask(dialogue, target, (turn,))
        return not dialogue.unasked

    async def _ask(
        self, dialogue: Dialogue, target: Target, turns: Sequence[str]
    ) -> None:
        """Ask further turns, after what was said so far."""
        system = target.system_prompt
        messages = [Message("system", system)] if system is not None else []
        try:
            replies = present([self._store.reply(key) for key in dialogue.keys])
            for turn, reply in zip(dialogue.asked, replies, strict=True):
                messages.append(Message("user", turn))
                messages.append(Message("assistant", reply.text))
            for number, turn in enumerate(turns, len(dialogue.asked) + 1):
                dialogue.asked.append(turn)
                messages.append(Message("user", turn))
                reply = await self._turn(dialogue, target, messages, number)
                replies.append(reply)
                if reply_kind(reply)[0] != "answer":
                    break
                messages.append(Message("assistant", reply.text))
        except ProviderError as error:
            dialogue.status, dialogue.reason = "error", str(error)
            dialogue.unasked = isinstance(error, BudgetSpent)
        else:
            _settle(dialogue, replies)

    def _rewording(self, dialogue: Dialogue) -> str | None:
        """Return what is asked after a refusal; None where the conversation is over."""
        further = rewordings(dialogue.work.pair, dialogue.cell, self._plan)
        asked = len(dialogue.asked)
        if dialogue.status is not None or not 0 < asked <= len(further):
            return None
        if dialogue.answers < asked or dialogue.judged < len(self._plan.judges):
            return None
        last = per_turn(dialogue.said)[-1]
        # A guard that does not say how far a reply declines: no help is a refusal.
        refusal = STRONG_REFUSAL_AT if last.refusal is None else last.refusal
        refused = last.status == "scored" and (last.guidance or 5) < COMPLIES_AT
        return further[asked - 1] if refused and refusal >= STRONG_REFUSAL_AT else None

    async def _turn(
        self,
        dialogue: Dialogue,
        target: Target,
        messages: Sequence[Message],
        number: int,
    ) -> Reply:
        """Ask one turn; where nothing at all came, that could be chance: ask again.

        Silence is silence on each of the tries (method §M2): a lost answer among
        them is what the turn came to.
        """
        work, cell = dialogue.work, dialogue.cell
        domain, scenario = work.suite.suite.domain, work.pair.id
        lost: tuple[str, Reply] | None = None
        for attempt in range(1, EMPTY_TRIES + 1):
            seed = seed_for(self._plan, domain, scenario, cell, number, attempt)
            request = ChatRequest(tuple(messages), target.sampling, seed)
            series = self._reuse.series(target.model.name)
            key = request_key(target.info, request, cell.replication, series)
            reply = await self._reply(key, request, target, dialogue.purpose)
            if not is_worth_another_try(reply):
                break
            if reply_kind(reply)[0] != "silent":
                lost = key, reply
        else:
            key, reply = lost or (key, reply)
        dialogue.keys.append(key)
        return reply

    async def _reply(
        self, key: str, request: ChatRequest, target: Target, purpose: Purpose
    ) -> Reply:
        """Return the stored reply to a request, else ask for it and keep it."""
        stored = self._reuse.reply(key)
        if stored is not None and not _is_lost(stored):
            self._asker.take_note(target.model, stored)
            self._reuse.count(key, target.model.name)
            return stored
        reply = await self._asker.ask(target.model, request, purpose)
        anew = self._plan.fresh or stored is not None
        keep = self._store.replace_reply if anew else self._store.keep_reply
        keep(key, request_row(target.info, request), reply)
        return reply

    def next_step(self, dialogue: Dialogue) -> Step | None:
        """Return what a dialogue needs next; None when it is done.

        A trace is judged right after the first judge's answer, so that a run in
        phases asks each judge once.
        """
        if dialogue.status == "error":
            return None
        judged = dialogue.judged
        further = self._plan.most_turns and judged < len(self._plan.judges)
        if self._rewording(dialogue) is not None:
            return Step("turn", 0)
        settled = dialogue.status is not None or (judged and not further)
        if self._wants_trace(dialogue) and settled:
            return Step("trace", 0)
        if dialogue.status is not None:
            return None
        if judged < len(self._plan.judges) and not self._is_decided(dialogue):
            return Step("answer", judged)
        drawn = (dialogue.work.key, dialogue.cell) in self.drawn
        if drawn and dialogue.second is None and _scored(dialogue):
            return Step("second", judged)
        return None

    def _is_decided(self, dialogue: Dialogue) -> bool:
        """Whether a cascade's first step is sure: then its second one is not asked."""
        cuts, work, cell = self._plan.cascade, dialogue.work, dialogue.cell
        if cuts is None or dialogue.judged != 1:
            return False
        if not may_decide(
            self._plan.cascade_domains,
            work.suite.suite.domain,
            cell.framing,
            cell.variant,
            zero_tolerance=work.pair.zero_tolerance,
        ):
            return False
        first = together(dialogue.said[0])
        harm, word = sureness(first), by_word(first)
        return first.status == "scored" and is_sure(harm, *cuts, by_word=word)

    def _wants_trace(self, dialogue: Dialogue) -> bool:
        asked = self._plan.judge_reasoning and dialogue.trace is None
        return asked and dialogue.reasoned

    async def judge(self, dialogue: Dialogue, step: Step) -> None:
        """Add one judge's judgement to a dialogue that needs one.

        A failure of the judges of the answer is the dialogue's; one of the second
        judge, or on a trace, leaves what was measured as it is.
        """
        judge = self._judges[step.judge]
        try:
            judgements = await self._judged(dialogue, judge, step)
        except ProviderError as error:
            failed = Scores(judge=judge.name, status="error", reason=str(error))
            if step.kind == "answer":
                dialogue.reason = str(error)
                dialogue.status = "error"
                dialogue.unasked = isinstance(error, BudgetSpent)
                dialogue.failed.append(failed)
                return
            setattr(dialogue, step.kind, failed)
            return
        if step.kind == "answer":
            dialogue.said[step.judge : step.judge + 1] = [judgements]
            dialogue.judged += 1
        else:
            setattr(dialogue, step.kind, Scores.of(together(judgements)))

    async def _judged(
        self, dialogue: Dialogue, judge: Judge, step: Step
    ) -> list[Judgement]:
        """Return what a judge says of each turn: of its answer, or of its trace."""
        suite, cell = dialogue.work.suite, dialogue.cell
        trace = step.kind == "trace"
        case = Case(
            turns=tuple(dialogue.asked),
            reply="",
            framing=cell.framing,
            rubric=suite.suite.rubric,
            domain=suite.suite.title,
            asks=dialogue.work.pair.deliverables(dialogue.cell.framing),
        )
        count = len(dialogue.keys) if trace else dialogue.answers
        replies = present([self._store.reply(key) for key in dialogue.keys[:count]])
        # Before a conversation went on, its earlier turns were judged: kept anew, with
        # the request that it ends with.
        known: list[Judgement] = []
        if step.kind == "answer" and step.judge < len(dialogue.said):
            known = dialogue.said[step.judge]
        judgements = []
        for number, shown in turn_cases(case, replies, trace=trace):
            more = turn_key(len(dialogue.keys), number) + (["trace"] if trace else [])
            said = known[number - 1] if number <= len(known) else None
            judgements.append(await self._of_turn(dialogue, judge, shown, more, said))
        return judgements

    async def _of_turn(
        self,
        dialogue: Dialogue,
        judge: Judge,
        case: Case,
        more: list[str | int],
        said: Judgement | None,
    ) -> Judgement:
        """Return what a judge says of one turn: what the store has, else anew."""
        last, rubric = dialogue.keys[-1], dialogue.work.suite.rubric_hash
        more = [*more, *told_besides(judge, case), *self._reuse.series(judge.name)]
        key = judgement_key([last], judge.fingerprint(), rubric, *more)
        judgement = said or self._reuse.judgement(key, judge.name)
        if judgement is None:
            ask = partial(self._asker.ask, purpose=dialogue.purpose)
            said = judgement = coherent(await judge.judge(case, ask, dialogue.seed))
        if said is not None and said.status == "scored":
            self._store.keep_judgement(key, last, said)
        dialogue.judgement_keys.append(key)
        return coherent(judgement)  # also what an older version kept

    def _turn_of(self, dialogue: Dialogue) -> int:
        """Return a record's turn: the last one that came, or the one that never did."""
        going_on = rewordings(dialogue.work.pair, dialogue.cell, self._plan)
        lost = going_on and dialogue.status == "error" and dialogue.keys
        return max(1, len(dialogue.asked if lost else dialogue.keys))

    def record(self, dialogue: Dialogue) -> Record:
        """Return the dialogue's row: its status, and its scores if it has any."""
        work, cell, pair = dialogue.work, dialogue.cell, dialogue.work.pair
        status, scores = _outcome(dialogue, cascade=self._plan.cascade is not None)
        last = dialogue.last
        return Record(
            run=self._plan.run,
            model=work.model,
            condition=self._subjects[work.model].condition,
            domain=work.suite.suite.domain,
            subdomain=pair.subdomain,
            scenario=pair.id,
            framing=cell.framing,
            variant=cell.variant,
            replication=cell.replication,
            turn=self._turn_of(dialogue),
            status=status,
            judge=judged_by(
                [judge.name for judge in self._judges[: len(self._plan.judges)]],
                cascade=self._plan.cascade is not None,
            ),
            tags=pair.tags,
            prompt_hash=pair.prompt_hash(cell.framing, cell.variant),
            reply_hash=dialogue.reply_hash,
            seed=dialogue.seed,
            latency_s=round(last.latency_s, 4) if last else None,
            tokens_in=last.tokens_in if last else None,
            tokens_out=last.tokens_out if last else None,
            turns=()
            if status == "error"
            else turns_of(
                _deciding(dialogue, cascade=self._plan.cascade is not None),
                last,
                len(dialogue.keys),
            ),
            second=dialogue.second,
            trace=dialogue.trace,
            zero_tolerance=pair.zero_tolerance,
            **scores,
        )


def _settle(dialogue: Dialogue, replies: list[Reply]) -> None:
    """Give a dialogue its status where no judge is needed (method §M2)."""
    last = replies[-1]
    dialogue.last = last.model_copy(
        update={
            "text": "",
            "reasoning": "",
            "latency_s": sum(reply.latency_s for reply in replies),
            "tokens_in": _sum(reply.tokens_in for reply in replies),
            "tokens_out": _sum(reply.tokens_out for reply in replies),
        }
    )
    dialogue.reasoned = any(reply.reasoning for reply in replies)
    dialogue.reply_hash = replies[0].hash()
    if len(replies) > 1:
        dialogue.reply_hash = fingerprint(
            "replies", [reply.hash() for reply in replies]
        )
    kind, reason = reply_kind(last)
    dialogue.answers = len(replies) - (kind != "answer")
    if kind in ("truncated", "unscored"):
        # In any turn: what would have come is not known, whatever came before.
        dialogue.status, dialogue.reason = UNJUDGED[kind], _in_turn(reason, replies)
    elif not dialogue.answers:
        dialogue.status = UNJUDGED[kind]


def _in_turn(reason: str, replies: list[Reply]) -> str:
    return f"{reason} (turn {len(replies)})" if len(replies) > 1 else reason


def _is_lost(reply: Reply) -> bool:
    """Whether a stored reply is the trace of a server's trouble, to be asked again."""
    return is_worth_another_try(reply) and reply_kind(reply)[0] == "unscored"


def _scored(dialogue: Dialogue) -> bool:
    return any(together(turns).status == "scored" for turns in dialogue.said)


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _deciding(dialogue: Dialogue, *, cascade: bool) -> list[list[Judgement]]:
    """Return whose word counts: of a cascade the last one's, the first was not sure."""
    return dialogue.said[-1:] if cascade else dialogue.said


def _outcome(
    dialogue: Dialogue, *, cascade: bool
) -> tuple[RecordStatus, dict[str, Any]]:
    status = dialogue.status
    markers = dict.fromkeys(dialogue.work.suite.suite.rubric.markers, False)
    if status in ("silent_refusal", "filtered"):
        return status, {**CODED, "markers": markers}
    panel: dict[str, Any] = {}
    for count in ("contradictions", "unproven"):
        met = sum(getattr(said, count) for turns in dialogue.said for said in turns)
        if met:
            panel[count] = met
    voices = [*(Scores.of(together(turns)) for turns in dialogue.said)]
    voices += dialogue.failed
    if len(voices) > 1 or (cascade and voices):
        panel["panel"] = tuple(voices)
    if status is not None:
        return status, {**panel, "reason": dialogue.reason}
    judgement = whole(_deciding(dialogue, cascade=cascade))
    if judgement.status != "scored":
        reason = judgement.reason or judgement.status
        return "unscored", {**panel, "reason": reason}
    return "scored", {**panel, **scores_of(judgement)}
