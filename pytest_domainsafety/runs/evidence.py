"""Does a record follow from what is behind it? Columns, request, reply, judgements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from pydantic import ValidationError

from pytest_domainsafety.engine.conversation import CODED
from pytest_domainsafety.engine.plan import row_key, seed_from
from pytest_domainsafety.providers.base import reply_kind
from pytest_domainsafety.runs.bench import SCALES, Bench, Fault, scores_of
from pytest_domainsafety.runs.told_again import RetoldCheck
from pytest_domainsafety.store import Evidence, is_request
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import (
    SCORED,
    Manifest,
    Record,
    RecordStatus,
    Reply,
    ReplyKind,
    RetoldEntry,
)

_COLUMNS = (
    *("run", "model", "domain", "scenario", "framing", "variant", "replication"),
    *("guidance", "status"),
)
_UNJUDGED: dict[RecordStatus, ReplyKind] = {
    "silent_refusal": "silent",
    "filtered": "filtered",
    "truncated": "truncated",
}
_OF_A_SCENARIO = ("subdomain", "tags", "zero_tolerance")
_OF_A_REPLY = ("tokens_in", "tokens_out")


def possible_series(runs: Sequence[str]) -> list[tuple[str, ...]]:
    """Return what keys may bear beside their request: no series, or one of the runs'.

    A series is named by the run that ended before it and its first run
    (`Store.series_of`); which runs had ended at the time is not to be known later.
    """
    return [
        (),
        *(
            ("series", f"{last}>{first}")
            for place, first in enumerate(runs)
            for last in (*reversed(runs[:place]), "")
        ),
    ]


@dataclass(slots=True)
class RecordCheck:
    """Holds the records of one run to what is behind them, one after the other.

    Attributes:
        manifest: Of the run.
        finished: When it ended; None where it did not.
        series: That keys may bear (`engine.reuse`): none, or that of a run.
        replaced: Records whose reply or judgement a later run has put in place of the
            one that they are of (`--safety-fresh`): nothing can be said of these.
        retold: What the judge said in other words; None where it was not asked.
    """

    manifest: Manifest
    finished: float | None
    series: list[tuple[str, ...]] = field(default_factory=lambda: [()])
    replaced: int = 0
    retold: RetoldCheck | None = None
    _scenarios: dict[tuple[str, ...], tuple[Any, ...]] = field(default_factory=dict)
    _judge: str | None = None
    _rubrics: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look up what all records share."""
        for suite in self.manifest.suites.values():
            self._rubrics.setdefault(suite.domain, set()).add(suite.rubric or "")

    def hold_to(self, entry: RetoldEntry) -> None:
        """Also look up what the judge said in other words."""
        named = frozenset(
            name
            for name, judge in self.manifest.all_judges.items()
            if judge.identity == "name"
        )
        self.retold = RetoldCheck(entry, self._rubrics, self.series, named, self._end)

    def look(self, evidence: Evidence) -> tuple[Record | None, list[Fault]]:
        """Return a record, if it can be read, and what is wrong with it."""
        try:
            record = Record.model_validate_json(evidence.record)
        except ValidationError:
            return None, [Fault("record", "that do not hold what they should")]
        return record, list(self._faults(record, evidence))

    def _faults(self, record: Record, evidence: Evidence) -> Iterator[Fault]:
        for name in _COLUMNS:
            if getattr(evidence, name) != getattr(record, name):
                yield Fault("record", f"whose column {name} says otherwise")
        yield from self._shared_faults(record)
        if evidence.reply is None:
            if record.status in SCORED:
                yield Fault("record", "with scores and without a reply")
            elif record.status != "error":
                yield Fault("record", "without a reply that are no errors")
            if scores_of(record) != dict.fromkeys(SCALES):
                yield Fault("record", f"of status {record.status} with scores")
            return
        if (evidence.answered or 0) > self._end:
            self.replaced += 1
            if self.retold is not None:
                self.retold.leave(record)
            return
        try:
            request = json.loads(evidence.request or "{}")
            reply = Reply.model_validate_json(evidence.reply)
            if not is_request(request):
                raise ValueError("request")
        except (ValueError, RecursionError):
            yield Fault("reply", "whose request or reply can't be read")
            return
        yield from self._request_faults(record, evidence, request, reply)
        yield from _status_faults(record, request, reply)
        yield from self._judgement_faults(record, evidence, request, reply)

    @property
    def _end(self) -> float:
        return inf if self.finished is None else self.finished

    def _shared_faults(self, record: Record) -> Iterator[Fault]:
        """Hold a record to the others of its scenario, and of its run."""
        scenario = record.model, record.domain, record.scenario
        shared = tuple(getattr(record, name) for name in _OF_A_SCENARIO)
        first = self._scenarios.setdefault(scenario, shared)
        for name, mine, theirs in zip(_OF_A_SCENARIO, shared, first, strict=True):
            if mine != theirs:
                yield Fault(
                    "record", f"whose {name} is not that of the scenario's others"
                )
        if self._judge is None:
            self._judge = record.judge
        if record.judge != self._judge:
            yield Fault("record", "of another judge than the run's others")

    # ── request and reply ───────────────────────────────────────────────────

    def _request_faults(
        self,
        record: Record,
        evidence: Evidence,
        request: Mapping[str, Any],
        reply: Reply,
    ) -> Iterator[Fault]:
        messages = request.get("messages", [])
        asked = [text for role, text in messages if role == "user"]
        answers = [text for role, text in messages if role == "assistant"]
        whole = record.status != "error"
        if record.turn != max(1, len(asked)) and (whole or not self._escalates):
            yield Fault("record", "whose turn is not that of their reply")
        if len(asked) <= 1:
            # Of a conversation that broke off, the first reply is not the record's.
            if whole and record.reply_hash != evidence.reply_hash:
                yield Fault("record", "whose reply_hash is not that of their reply")
            for name in _OF_A_REPLY:
                if getattr(record, name) != getattr(reply, name):
                    yield Fault("record", f"whose {name} is not that of their reply")
            if whole and record.latency_s != round(reply.latency_s, 4):
                yield Fault("record", "whose latency_s is not that of their reply")
        root = self.manifest.sampling.seed
        cell = record.framing, record.variant, record.replication
        if root is not None and record.seed != seed_from(
            root, record.domain, record.scenario, *cell, 1, 1
        ):
            yield Fault("record", "whose seed is not the run's for them")
        if request.get("hashed"):
            return
        if not self._has_key(request, record.replication, evidence.request_key):
            yield Fault("reply", "whose request does not match its key")
        if whole and record.prompt_hash not in self._hashes(record, asked):
            yield Fault("record", "whose prompt_hash is not that of what was asked")
        if len(asked) > 1:
            hashes = [fingerprint("reply", text) for text in answers] + [reply.hash()]
            if record.reply_hash not in ("", fingerprint("replies", hashes)):
                yield Fault("record", "whose reply_hash is not that of their replies")

    @property
    def _escalates(self) -> bool:
        return bool(self.manifest.sampling.most_turns)

    def _hashes(self, record: Record, asked: Sequence[str]) -> set[str]:
        """Return what a record's prompt may hash to: of rewordings the prompt alone."""
        hashes = {fingerprint("prompt", asked)}
        if self._escalates and record.framing == "operational":
            hashes.add(fingerprint("prompt", asked[:1]))
        return hashes

    def _has_key(self, request: Mapping[str, Any], replication: int, key: str) -> bool:
        """Whether a request has its key, in no series or that of any run."""
        for place, series in enumerate(self.series):
            try:
                same = row_key(request, replication, series) == key
            except KeyError:
                return False
            if same:
                self.series.insert(0, self.series.pop(place))  # the next one's, too
                return True
        return False

    # ── judgements ──────────────────────────────────────────────────────────

    def _judgement_faults(
        self,
        record: Record,
        evidence: Evidence,
        request: Mapping[str, Any],
        reply: Reply,
    ) -> Iterator[Fault]:
        messages = request.get("messages", [])
        asked = [text for role, text in messages if role == "user"]
        bench = Bench(
            self.manifest,
            evidence,
            max(1, len(asked)),
            self._rubrics.get(record.domain, set()),
            self.series,
            self._end,
        )
        judges = list(self.manifest.judges)
        faults: list[Fault] = []
        if record.turns or bench.has_turns(judges):
            decided = self.manifest.cascade is not None and record.panel
            deciding = [record.panel[-1].judge] if decided else judges
            faults += bench.conversation(record, deciding)
        elif record.status in ("scored", "unscored", "error"):
            hold = bench.panel if len(judges) > 1 else bench.single
            if self.manifest.cascade is not None:
                hold = bench.cascade
            faults += hold(record, judges)
        faults += bench.others(record)
        if self.retold is not None:
            self.retold.look(record, evidence, max(1, len(asked)))
        if not (request.get("hashed") or reply.text_hash):
            answers = [text for role, text in messages if role == "assistant"]
            faults += bench.quotes(asked, [*answers, reply.text])
        if bench.replaced:
            self.replaced += 1
        else:
            yield from faults


def _status_faults(
    record: Record, request: Mapping[str, Any], reply: Reply
) -> Iterator[Fault]:
    """Hold the status to the reply, and the scores to the status (method §M2)."""
    earlier = any(role == "assistant" for role, _ in request.get("messages", []))
    kind, _ = reply_kind(_as_it_was(reply))
    status = record.status
    if status == "scored" and (
        kind in ("truncated", "unscored") or (kind != "answer" and not earlier)
    ):
        yield Fault("record", "scored whose reply is no answer")
    if status in _UNJUDGED and (
        kind != _UNJUDGED[status] or (earlier and status != "truncated")
    ):
        yield Fault("record", f"of status {status} whose reply is none")
    if status in ("silent_refusal", "filtered"):
        if scores_of(record) != CODED or any(record.markers.values()):
            yield Fault("record", f"of status {status} that are coded otherwise")
    elif status != "scored" and (
        scores_of(record) != dict.fromkeys(SCALES) or record.markers
    ):
        yield Fault("record", f"of status {status} with scores")


def _as_it_was(reply: Reply) -> Reply:
    """Return a reply of which hashes alone were kept, with a stand-in for its text."""
    if not reply.text_hash:
        return reply
    # A trace alone has the hash of no text.
    empty = reply.text_hash == fingerprint("reply", "")
    return reply.model_copy(update={"reasoning" if empty else "text": "…"})
