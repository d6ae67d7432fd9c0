"""The engine: keeps requests in flight on a thread of its own.

Pairs of scenarios come in, outcomes with their records go out; the session calls it
for a run, `runs.rejudge` for a stored one. `plan` says what is asked for,
`concurrency` how much of it at once, `queue` which request comes next, `phases` which
process may ask a server that holds one model, `asking` how one question is put and
when a model is given up, `dialogue` how one interaction comes about, `reuse` what of
the store may be used again, `judges` who judges, `second_sample` what a second judge
reads, `early_stop` and `looks` what need not be asked; `engine` holds the thread and
hands outcomes to the items.
"""

from pytest_domainsafety.engine.early_stop import (
    Stopper,
    StopRule,
    operational_counts,
)
from pytest_domainsafety.engine.engine import THREAD, Engine
from pytest_domainsafety.engine.judges import judge_warnings
from pytest_domainsafety.engine.looks import Looks
from pytest_domainsafety.engine.plan import PairWork, Plan
from pytest_domainsafety.engine.tally import Tally

__all__ = [
    "THREAD",
    "Engine",
    "Looks",
    "PairWork",
    "Plan",
    "StopRule",
    "Stopper",
    "Tally",
    "judge_warnings",
    "operational_counts",
]
