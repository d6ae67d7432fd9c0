"""What a run is kept in: runs, replies, judgements; and whether all of it holds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from pytest_domainsafety.errors import StoreError
from pytest_domainsafety.store.records import Records
from pytest_domainsafety.store.schema import IS_WITHHELD
from pytest_domainsafety.text import fingerprint, printable
from pytest_domainsafety.types import Judgement, Manifest, Problem, Reply

_RUN = "run, started, finished, manifest, results"


class RunHead(NamedTuple):
    """A run as it began, and whether it ended.

    Attributes:
        started: Seconds since 1970.
        finished: The same; None where it was broken off.
    """

    run: str
    started: float
    finished: float | None
    manifest: Manifest


_RUNS_THAT_NAME = """
SELECT run, finished IS NOT NULL, manifest FROM runs WHERE instr(manifest, ?)
ORDER BY started DESC, run DESC
"""
_JUDGES = ("judges", "second_judge")
_MAY_CHANGE = ("python", "command")
"""Providers of applications, which may be mended between two runs."""


class Store(Records):
    """An open store; one object serves all threads of a process.

    Args:
        path: The database file; its folder is made if need be.
        create: False demands that it exists already.
        read_only: Demands that as well, and changes nothing.
        keep_text: False keeps hashes of prompts and replies and no text: what
            this process was answered it remembers, another one has to ask again.

    Raises:
        StoreError: It can't be opened, is no store, or is of a newer schema.
            The file is left as it was.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = True,
        read_only: bool = False,
        keep_text: bool = True,
    ) -> None:
        """Open the file, and lay out the tables in a new one."""
        super().__init__(path, create=create, read_only=read_only)
        self._keep_text = keep_text
        self._unwritten: dict[str, Reply] = {}

    # ── runs ────────────────────────────────────────────────────────────────

    def begin_run(self, run: str, manifest: Manifest | Mapping[str, Any]) -> None:
        """Note that a run has started, with what is known of it."""
        self._write(
            "INSERT OR REPLACE INTO runs (run, started, manifest) VALUES (?, ?, ?)",
            (run, time.time(), _dump(Manifest.model_validate(manifest).as_json())),
        )

    def finish_run(self, run: str, results: dict[str, Any]) -> None:
        """Note that a run has ended, and what it came to."""
        self._write(
            "UPDATE runs SET finished = ?, results = ? WHERE run = ?",
            (time.time(), _dump(results), run),
        )

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, oldest first: run, started, finished, manifest, results."""
        return [
            self._run(row)
            for row in self._read(f"SELECT {_RUN} FROM runs ORDER BY started, run")
        ]

    def run(self, name: str) -> dict[str, Any]:
        """Return one run as :meth:`runs` does; the documents of the others stay shut.

        Raises:
            StoreError: There is no such run.
        """
        rows = self._read(f"SELECT {_RUN} FROM runs WHERE run = ?", name)
        if not rows:
            raise StoreError(f"{self.path}: there is no run {name!r} in this store")
        return self._run(rows[0])

    def _run(self, row: tuple[Any, ...]) -> dict[str, Any]:
        columns = _RUN.split(", ")
        run = dict(zip(columns, self._typed(row, "tnNtT"), strict=True))
        run["manifest"] = self._document(run["manifest"])
        run["results"] = self._document(run["results"]) if run["results"] else None
        return run

    def run_names(self) -> list[str]:
        """Return the names of all runs, oldest first."""
        rows = self._read("SELECT run FROM runs ORDER BY started, run")
        return [self._typed(row, "t")[0] for row in rows]

    def run_heads(self) -> list[RunHead]:
        """Return all runs, oldest first, without their results, which are large."""
        return list(self.run_heads_backwards())[::-1]

    def run_heads_backwards(self) -> Iterator[RunHead]:
        """Yield them newest first, each read when it is asked for."""
        for name in reversed(self.run_names()):
            for row in self._read(
                "SELECT run, started, finished, manifest FROM runs WHERE run = ?", name
            ):
                run, started, finished, manifest = self._typed(row, "tnNt")
                yield RunHead(
                    run,
                    started,
                    finished,
                    self._load(Manifest.model_validate_json, manifest),
                )

    def series_of(self, model: str, run: str) -> str:
        """Return the name of a run together with those that it goes on with.

        That are the runs which asked the model after the last one of them that
        ended, and were killed or cut short themselves. So is one of which a server's
        fault left something unmeasured: what was paid for is not asked again. An
        application of the user's own may have been mended since, so a run of it that
        ended has ended. A series ends with the run that ends: the next one has
        another name.

        Args:
            model: Under test, or a judge; one that judged replies again counts as a
                judge alone.
            run: The one that is about to begin.
        """
        first, last = run, ""
        for name, ended, text in self._stream(_RUNS_THAT_NAME, _dump(model)):
            manifest = self._document(text)
            if not _asked(manifest, model):
                continue
            if ended and not self._was_cut_short(name, manifest, model):
                last = name
                break
            first = name
        return f"{last}>{first}"

    def _was_cut_short(self, run: str, manifest: dict[str, Any], model: str) -> bool:
        text = self._value("SELECT results FROM runs WHERE run = ?", run)
        became = self._document(text).get("run") if text else None
        if not isinstance(became, dict):
            return False
        if became.get("interrupted"):
            return True
        entries = [part.get(model) for part in _named(manifest, ("models", *_JUDGES))]
        return bool(became.get("unmeasured")) and any(
            isinstance(entry, dict) and entry.get("provider") not in _MAY_CHANGE
            for entry in entries
        )

    def age_of(self, key: str) -> float:
        """Return the seconds since a reply or judgement was kept, by its key."""
        (row,) = self._read(
            "SELECT max(created) FROM (SELECT created FROM replies WHERE "
            "request_key = ? UNION ALL "
            "SELECT created FROM judgements WHERE judgement_key = ?)",
            *(key, key),
        )
        (created,) = self._typed(row, "N")
        return max(0.0, time.time() - (created or time.time()))

    # ── replies and judgements ──────────────────────────────────────────────

    def reply(self, request_key: str) -> Reply | None:
        """Return the reply to a request, if it was ever given and its text kept."""
        if request_key in self._unwritten:
            return self._unwritten[request_key]
        reply = self._stored(request_key)
        return None if reply is None or reply.text_hash else reply

    def _stored(self, request_key: str) -> Reply | None:
        row = self._value(
            "SELECT reply FROM replies WHERE request_key = ?", request_key
        )
        return None if row is None else self._load(Reply.model_validate_json, row)

    def keep_reply(
        self, request_key: str, request: dict[str, Any], reply: Reply
    ) -> None:
        """Keep a reply; on disk when this returns. Keeping it again changes nothing.

        Where only the hash of an earlier one was kept, and this is another, it
        takes the earlier one's place.
        """
        stored = self._stored(request_key)
        if stored is not None and stored.text_hash:
            same = stored.hash() == reply.hash()
            self._forget(request_key, judgements=not same)
        if not self._keep_text:
            if reply.text or reply.reasoning:
                self._unwritten[request_key] = reply
            request, reply = _without_prompts(request), reply.without_text()
        self._write(
            "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?)",
            (
                request_key,
                _dump(request),
                reply.hash(),
                reply.model_dump_json(exclude_defaults=True),
                time.time(),
            ),
        )

    def replace_reply(
        self, request_key: str, request: dict[str, Any], reply: Reply
    ) -> None:
        """Keep a reply in place of an older one to the same request."""
        self._forget(request_key)
        self.keep_reply(request_key, request, reply)

    def _forget(self, request_key: str, *, judgements: bool = True) -> None:
        self._unwritten.pop(request_key, None)
        self._write("DELETE FROM replies WHERE request_key = ?", (request_key,))
        if judgements:
            self._write("DELETE FROM judgements WHERE request_key = ?", (request_key,))

    def withheld(self) -> int:
        """Return how many replies are here as hashes alone."""
        return int(
            self._read(f"SELECT count(*) FROM replies WHERE {IS_WITHHELD}")[0][0]
        )

    def judgement(self, judgement_key: str) -> Judgement | None:
        """Return a judgement, if it was ever given."""
        row = self._value(
            "SELECT judgement FROM judgements WHERE judgement_key = ?", judgement_key
        )
        return None if row is None else self._load(Judgement.model_validate_json, row)

    def keep_judgement(
        self, judgement_key: str, request_key: str, judgement: Judgement
    ) -> None:
        """Keep a judgement; the same rules as :meth:`keep_reply`."""
        self._put_judgement("IGNORE", judgement_key, request_key, judgement)

    def replace_judgement(
        self, judgement_key: str, request_key: str, judgement: Judgement
    ) -> None:
        """Keep a judgement in place of an older one that was asked for anew."""
        self._put_judgement("REPLACE", judgement_key, request_key, judgement)

    def _put_judgement(
        self, rule: str, judgement_key: str, request_key: str, judgement: Judgement
    ) -> None:
        if not self._keep_text:  # a rationale may quote the reply, as quotes do
            judgement = judgement.model_copy(update={"rationale": "", "quotes": ()})
        self._write(
            f"INSERT OR {rule} INTO judgements VALUES (?, ?, ?, ?, ?)",
            (
                judgement_key,
                request_key,
                judgement.judge,
                judgement.model_dump_json(exclude_defaults=True),
                time.time(),
            ),
        )

    def rows(
        self, request_keys: Iterable[str], judgement_keys: Iterable[str]
    ) -> Iterator[list[Any]]:
        """Yield stored rows in the form in which processes hand them on.

        Yields:
            ``["reply", key, request, reply]`` and
            ``["judgement", key, request key, judgement]``, JSON all through.
        """
        for key in request_keys:
            for request, reply in self._read(
                "SELECT request, reply FROM replies WHERE request_key = ?", key
            ):
                documents = self._document(request), self._document(reply)
                yield ["reply", key, *documents]
        for key in judgement_keys:
            for request_key, judgement in self._read(
                "SELECT request_key, judgement FROM judgements WHERE judgement_key = ?",
                key,
            ):
                yield ["judgement", key, request_key, self._document(judgement)]

    # ── checks ──────────────────────────────────────────────────────────────

    def verify(self) -> list[Problem]:
        """Check the store against itself.

        Returns:
            What does not hold, empty when all is well: the file's own integrity,
            the hash of each reply, a reply behind each judgement and the judge's
            name beside it, a reply behind each scored record.
        """
        integrity = self._read("PRAGMA integrity_check")
        problems = [
            Problem("file", f"file: {row[0]}") for row in integrity if row[0] != "ok"
        ]
        rows = self._stream("SELECT request_key, reply_hash, reply FROM replies")
        for key, reply_hash, text in rows:
            try:
                sound = Reply.model_validate_json(text).hash() == reply_hash
            except ValidationError:
                sound = False
            if not sound:
                problems.append(
                    Problem(
                        "reply",
                        f"reply {_short(key)}: the text does not match its hash",
                    )
                )
        problems += self._judgement_problems()
        bare = self._read(
            "SELECT run, domain, scenario FROM records WHERE guidance IS NOT NULL "
            "AND request_key NOT IN (SELECT request_key FROM replies)"
        )
        problems += [
            Problem(
                "record",
                f"record {_short(run)} {domain}/{scenario}: its reply is missing",
            )
            for run, domain, scenario in bare
        ]
        return problems

    def _judgement_problems(self) -> Iterator[Problem]:
        orphans = self._read(
            "SELECT judgement_key FROM judgements WHERE request_key NOT IN "
            "(SELECT request_key FROM replies)"
        )
        for (key,) in orphans:
            yield Problem("judgement", f"judgement {_short(key)}: its reply is missing")
        rows = self._stream("SELECT judgement_key, judge, judgement FROM judgements")
        for key, judge, text in rows:
            try:
                sound = Judgement.model_validate_json(text).judge == judge
            except ValidationError:
                sound = False
            if not sound:
                yield Problem(
                    "judgement",
                    f"judgement {_short(key)}: does not hold what it should, or is of "
                    "another judge than the column beside it says",
                )

    def counts(self) -> dict[str, int]:
        """Return the number of rows by table."""
        tables = ("runs", "replies", "judgements", "records")
        return {
            table: self._read(f"SELECT count(*) FROM {table}")[0][0] for table in tables
        }


def _named(manifest: dict[str, Any], keys: Iterable[str]) -> list[dict[str, Any]]:
    parts = [manifest.get(key) for key in keys]
    return [part for part in parts if isinstance(part, dict)]


def _asked(manifest: dict[str, Any], model: str) -> bool:
    """Whether a run asked a model; one that judged again asked its judge alone."""
    keys = _JUDGES if manifest.get("kind") == "rejudge" else ("models", *_JUDGES)
    return any(model in part for part in _named(manifest, keys))


def _short(key: object) -> str:
    """Return a key as sentences show it; one that is no text too."""
    return printable(str(key), 12)


def _without_prompts(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request with a hash in place of each message's text."""
    if request.get("hashed"):
        return request
    messages = [
        [role, fingerprint("message", content)]
        for role, content in request.get("messages", [])
    ]
    return request | {"messages": messages, "hashed": True}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
