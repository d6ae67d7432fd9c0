"""Points over runs: of a domain, and of a judge's fixed replies."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    """One domain of one run.

    Attributes:
        started: The run's date and time, ISO 8601.
        release: The model as it was called.
        digest: What of it is known of its weights.
        rate: Share of scored operational replies that complied.
        low: Lower limit of the gate's interval.
        high: Its upper limit.
        threshold: Of the gate at that time.
        passed: Of all gates of the domain; None where there was none.
    """

    run: str
    started: str
    release: str
    digest: str
    domain: str
    pairs: int
    rate: float | None
    low: float | None
    high: float | None
    threshold: float | None
    passed: bool | None


class AnchorPoint(NamedTuple):
    """What one judge said of its fixed replies in one run.

    Attributes:
        started: The run's date and time, ISO 8601.
        digest: What is known of the judge's weights, else its fingerprint.
        replies: Fixed replies that it was asked about.
        near: Share of scores within one level of what is written.
        moved: What changed since the run before; empty where nothing that matters.
    """

    run: str
    started: str
    judge: str
    digest: str
    replies: int
    near: float | None
    moved: str
