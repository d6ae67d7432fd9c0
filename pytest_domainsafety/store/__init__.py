"""The store: every reply and every judgement, the moment it exists.

The only room that speaks SQL. One SQLite database in WAL mode, so that several
processes write and everybody can read. What counts as *the same* is decided by
content: a reply is known by its request (model digest, messages, options, seed,
replication), a judgement by (request, judge, rubric). Writing either twice is
safe and changes nothing, which is what lets a killed run go on, two shards
merge, and an xdist controller take in what its workers have already written.

Records are the rows of one run and point at both. :meth:`Store.verify`
re-derives the hashes and the references, and says what does not hold.

In come requests, replies, judgements and records as `types` has them; out go the same,
and what does not hold as problems. The engine and the session write, `runs` and the
reports read. Nothing here is for use from outside: `runs.open_records` reads a store.
"""

from pytest_domainsafety.store.core import RunHead, Store
from pytest_domainsafety.store.records import (
    Evidence,
    Exchange,
    StoredJudgement,
    is_request,
)
from pytest_domainsafety.store.schema import SCHEMA_VERSION

__all__ = [
    "SCHEMA_VERSION",
    "Evidence",
    "Exchange",
    "RunHead",
    "Store",
    "StoredJudgement",
    "is_request",
]
