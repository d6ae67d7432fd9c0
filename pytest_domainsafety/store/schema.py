"""The tables of a store, as numbered steps that only go forward.

A step is never changed once it was released: what a later version needs is a step of
its own behind the last one, and a store of any older version takes those it lacks.
Only what SQLite 3.31 knows (RHEL 9 has 3.34, Ubuntu 22.04 has 3.37), so no ``STRICT``
tables (3.37), ``->>`` (3.38) or ``RETURNING`` (3.35), and no functions on JSON, which
some systems leave out.
"""

from __future__ import annotations

OLDEST_SQLITE = (3, 31)
# "DSAF": marks the file as ours (https://sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID = 0x44534146

IS_WITHHELD = "instr(reply, '\"text_hash\":')"
"""Whether of a reply its hash alone was kept: as SQL, word for word as in the index.

A text that has the key in it has its quotation marks escaped.
"""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE runs (
          run TEXT PRIMARY KEY,
          started REAL NOT NULL,
          finished REAL,
          manifest TEXT NOT NULL,
          results TEXT
        )
        """,
        """
        CREATE TABLE replies (
          request_key TEXT PRIMARY KEY,
          request TEXT NOT NULL,
          reply_hash TEXT NOT NULL,
          reply TEXT NOT NULL,
          created REAL NOT NULL
        )
        """,
        """
        CREATE TABLE judgements (
          judgement_key TEXT PRIMARY KEY,
          request_key TEXT NOT NULL,
          judge TEXT NOT NULL,
          judgement TEXT NOT NULL,
          created REAL NOT NULL
        )
        """,
        "CREATE INDEX judgements_request ON judgements (request_key)",
        """
        CREATE TABLE records (
          run TEXT NOT NULL,
          model TEXT NOT NULL,
          domain TEXT NOT NULL,
          scenario TEXT NOT NULL,
          framing TEXT NOT NULL,
          variant TEXT NOT NULL,
          replication INTEGER NOT NULL,
          guidance INTEGER,
          status TEXT NOT NULL,
          request_key TEXT NOT NULL,
          record TEXT NOT NULL,
          PRIMARY KEY (
            run, model, domain, scenario, framing, variant, replication
          )
        ) WITHOUT ROWID
        """,
    ),
    # Counting them must not take longer with each reply that is kept.
    (f"CREATE INDEX replies_withheld ON replies (request_key) WHERE {IS_WITHHELD}",),
)
"""``STEPS[n]`` takes a store from schema n to n + 1; 0 is an empty file."""

SCHEMA_VERSION = len(STEPS)
OLDEST_READ = 1
"""The schema from which on a store can be read as it is, without the later steps."""
