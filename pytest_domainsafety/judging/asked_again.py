"""Replies on which a judge was asked again for what it said of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pytest_domainsafety.text import plural
from pytest_domainsafety.types import Record


class AskedAgain(NamedTuple):
    """One judge, and how often it was asked again.

    Attributes:
        judged: Replies that it read.
        replies: Of these, with an answer that had to be given again.
        unscored: Of these, without a score in the end.
    """

    judge: str
    judged: int
    replies: int
    unscored: int

    @property
    def left(self) -> str:
        """Say how many were left without a score."""
        return f"{self.unscored} of them {plural(self.unscored, 'is', 'are')} unscored"


def asked_again(
    records: Iterable[Record], times: Callable[[Record], int]
) -> Iterator[AskedAgain]:
    """Yield each judge that was asked again, with its counts.

    Args:
        records: Of a run.
        times: How often a record's judges were, for one reason.
    """
    judged: dict[str, int] = {}
    met: dict[str, list[bool]] = {}
    for record in records:
        if record.status in ("scored", "unscored") and record.judge:
            judged[record.judge] = judged.get(record.judge, 0) + 1
            if times(record):
                met.setdefault(record.judge, []).append(record.scored)
    for judge, scored in met.items():
        yield AskedAgain(judge, judged[judge], len(scored), scored.count(False))
