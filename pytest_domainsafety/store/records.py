"""Records: the rows of one run, which point at the replies behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from pytest_domainsafety.errors import StoreError
from pytest_domainsafety.store.database import Database
from pytest_domainsafety.types import BASE_VARIANT, COMPLIES_AT, Record, Reply

_AT_ONCE = 500
"""Keys in one statement: SQLite before 3.32 takes 999."""
_PAIRS_AT_ONCE = 2_000
"""Scenario pairs whose records are read as one text."""


class StoredJudgement(NamedTuple):
    """A row of judgements: its key, the column beside it, and its JSON."""

    key: str
    judge: str
    judgement: str
    created: float


class Evidence(NamedTuple):
    """A record as the store's own columns tell it, and all that is behind it.

    Attributes:
        run: The column; as `model` to `status` are.
        record: The row's JSON.
        request: Of the last turn, as JSON; None where there is no reply, as `reply`,
            `reply_hash` and `answered` (when it was kept) then are.
        judgements: Of the reply.
    """

    run: str
    model: str
    domain: str
    scenario: str
    framing: str
    variant: str
    replication: int
    guidance: int | None
    status: str
    request_key: str
    record: str
    request: str | None
    reply: str | None
    reply_hash: str | None
    answered: float | None
    judgements: tuple[StoredJudgement, ...] = ()


class Exchange(NamedTuple):
    """A record with the texts behind it.

    Attributes:
        record: The row.
        system: The system prompt, if there was one.
        prompt: The user's turns.
        replies: What the model answered to each; fewer where it did not.
        request_key: Of the last request.
        last: The last of the replies as it came.
    """

    record: Record
    system: str | None
    prompt: tuple[str, ...]
    replies: tuple[str, ...]
    request_key: str = ""
    last: Reply = Reply(text="")


class Records(Database):
    """The part of a store that holds records."""

    def keep_records(self, rows: Iterable[tuple[Record, str]]) -> None:
        """Keep records with the key of the request that each came from.

        A record of the same interaction in the same run is replaced: an item
        that was run again has the last word.
        """
        values = [
            (
                record.run,
                record.model,
                record.domain,
                record.scenario,
                record.framing,
                record.variant,
                record.replication,
                record.guidance,
                record.status,
                request_key,
                record.model_dump_json(exclude={"text"}, exclude_defaults=True),
            )
            for record, request_key in rows
        ]
        marks = ", ".join("?" * 11)
        with self._explained("written"), self._transaction():
            self._db.executemany(
                f"INSERT OR REPLACE INTO records VALUES ({marks})", values
            )

    def records(self, run: str | None = None) -> Iterator[Record]:
        """Yield the records of one run (default: the newest), in a fixed order.

        Raises:
            StoreError: There is no such run, or none at all.
        """
        for text in self.record_texts(run):
            yield self._load(Record.model_validate_json, text)

    def record_texts(self, run: str | None = None) -> Iterator[str]:
        """Yield the records of one run as JSON, where a default value is left out.

        In the order of :meth:`records`; memory does not grow with their number.

        Raises:
            StoreError: There is no such run, or none at all.
        """
        name = self.newest_run() if run is None else run
        if not self._read("SELECT 1 FROM runs WHERE run = ?", name):
            raise StoreError(f"{self.path}: there is no run {name!r} in this store")
        rows = self._stream(
            "SELECT record FROM records WHERE run = ? ORDER BY model, domain, "
            "scenario, framing, variant, replication",
            name,
        )
        for row in rows:
            yield self._typed(row, "t")[0]

    def record_lines(self, run: str | None = None) -> Iterator[bytes]:
        """Yield the records of :meth:`record_texts` as lines, many at once.

        Raises:
            StoreError: As there; or a text is none, or no line.
        """
        name = self.newest_run() if run is None else run
        rows = self._stream(
            "SELECT group_concat(record, char(10)), count(*), "
            "sum(typeof(record) = 'text') FROM records WHERE run = ? "
            "GROUP BY model, domain, scenario",
            name,
        )
        for batch in _batches(rows, _PAIRS_AT_ONCE):
            texts = [self._typed(row, "tii")[0] for row in batch]
            chunk = "\n".join(texts).encode() + b"\n"
            counts = {sum(row[at] for row in batch) for at in (1, 2)}
            if counts != {chunk.count(b"\n")}:
                raise self._odd_row()
            yield chunk

    def exchanges(self, run: str | None = None) -> Iterator[Exchange]:
        """Yield the records of one run with prompts and replies, in a fixed order.

        A record of an interaction that was never answered is left out.

        Raises:
            StoreError: There is no such run, or the store kept hashes alone.
        """
        name = self.newest_run() if run is None else run
        if not self._read("SELECT 1 FROM runs WHERE run = ?", name):
            raise StoreError(f"{self.path}: there is no run {name!r} in this store")
        rows = self._stream(
            "SELECT record, request, reply, request_key FROM records JOIN replies "
            "USING (request_key) WHERE run = ? ORDER BY model, domain, scenario, "
            "framing, variant, replication",
            name,
        )
        for row in rows:
            record, request, reply, key = self._typed(row, "tttt")
            exchange = self._exchange(record, self._document(request), reply)
            yield exchange._replace(request_key=key)

    def _exchange(self, record: str, request: dict[str, Any], reply: str) -> Exchange:
        answer = self._load(Reply.model_validate_json, reply)
        if answer.text_hash or request.get("hashed"):
            raise StoreError(
                f"{self.path}: the store holds hashes and no text "
                "(--safety-store-text hash), so prompts and replies can't be shown, "
                "exported or judged again"
            )
        if not is_request(request):
            raise self._odd_row()
        messages = request.get("messages", [])
        turns = {
            role: tuple(text for who, text in messages if who == role)
            for role in ("system", "user", "assistant")
        }
        return Exchange(
            self._load(Record.model_validate_json, record),
            turns["system"][0] if turns["system"] else None,
            turns["user"],
            (*turns["assistant"], answer.text),
            last=answer,
        )

    def evidence(self, run: str) -> Iterator[Evidence]:
        """Yield each record of a run with its columns and all that is behind it."""
        rows = self._stream(
            "SELECT run, model, domain, scenario, framing, variant, replication, "
            "guidance, status, request_key, record, request, reply, reply_hash, "
            "created FROM records LEFT JOIN replies USING (request_key) "
            "WHERE run = ? ORDER BY model, domain, scenario, framing, variant, "
            "replication",
            run,
        )
        for batch in _batches(rows, _AT_ONCE):
            behind = self._judgements_of({row[9] for row in batch})
            for row in batch:
                judgements = tuple(behind.get(row[9], ()))
                typed = self._typed(row, "ttttttiItttTTTN")
                yield Evidence._make((*typed, judgements))

    def _judgements_of(self, keys: set[str]) -> dict[str, list[StoredJudgement]]:
        marks = ", ".join("?" * len(keys))
        judgements: dict[str, list[StoredJudgement]] = {}
        for found in self._read(
            "SELECT request_key, judgement_key, judge, judgement, created "
            f"FROM judgements WHERE request_key IN ({marks})",
            *keys,
        ):
            key, *row = self._typed(found, "ttttn")
            judgements.setdefault(key, []).append(StoredJudgement(*row))
        return judgements

    def pair_counts(
        self, run: str, model: str, domain: str
    ) -> dict[str, tuple[int, int]]:
        """Return scenario → (complying, scored) operational replies, as written."""
        rows = self._read(
            "SELECT scenario, sum(guidance >= ?), count(guidance) FROM records "
            "WHERE run = ? AND model = ? AND domain = ? AND framing = 'operational' "
            "AND variant = ? GROUP BY scenario",
            *(COMPLIES_AT, run, model, domain, BASE_VARIANT),
        )
        return {name: (complied or 0, scored) for name, complied, scored in rows}

    def newest_run(self) -> str:
        """Return the run that started last.

        Raises:
            StoreError: The store holds no run.
        """
        row = self._value(
            "SELECT run FROM runs ORDER BY started DESC, run DESC LIMIT 1"
        )
        if row is None:
            raise StoreError(f"{self.path}: the store holds no run yet")
        return row


def is_request(document: object) -> bool:
    """Whether it is a request whose messages are pairs of a role and a text."""
    value = document.get("messages", []) if isinstance(document, dict) else None
    return isinstance(value, list) and all(
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(text, str) for text in pair)
        for pair in value
    )


def _batches(
    rows: Iterator[tuple[Any, ...]], size: int
) -> Iterator[list[tuple[Any, ...]]]:
    while batch := list(islice(rows, size)):
        yield batch
