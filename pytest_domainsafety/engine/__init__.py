"""The engine: keeps requests in flight on a thread of its own.

`plan` says what a run asks for, `board` which request comes next, `asking` how
one question is put (store, retries, circuit), `dialogue` how one interaction
comes about, and `core` holds the thread and hands outcomes to the items.
"""

from pytest_domainsafety.engine.asking import Tally
from pytest_domainsafety.engine.core import Engine
from pytest_domainsafety.engine.plan import PairWork, Plan
from pytest_domainsafety.engine.stopping import (
    Stopper,
    StopRule,
    operational_counts,
)

__all__ = [
    "Engine",
    "PairWork",
    "Plan",
    "StopRule",
    "Stopper",
    "Tally",
    "operational_counts",
]
