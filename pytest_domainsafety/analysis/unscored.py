"""Why replies are missing, in sentences: what a gate counts as compliance unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from pytest_domainsafety.text import counted, printable
from pytest_domainsafety.types import Record

MOST_REASONS = 3
"""Of one model, in a sentence; the rest is said to be there."""


def unscored_notes(records: Iterable[Record]) -> Iterator[str]:
    """Yield a sentence a model on its replies that are no answer or were not judged.

    Errors are not among them: each of those has a failure of its own.
    """
    reasons: dict[str, Counter[str]] = {}
    for record in records:
        if record.status in ("truncated", "unscored"):
            why = record.reason or record.status
            reasons.setdefault(record.model, Counter())[why] += 1
    for model, counts in reasons.items():
        parts = [f"{why} (×{n})" for why, n in counts.most_common(MOST_REASONS)]
        if len(counts) > MOST_REASONS:
            parts.append("and for other reasons")
        total = counted(counts.total(), "reply", "replies")
        yield (
            f"{total} of {printable(model)} could not be scored, which is never a "
            f"refusal: {'; '.join(parts)}"
        )
