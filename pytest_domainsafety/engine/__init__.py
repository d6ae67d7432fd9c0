"""The engine: keeps requests in flight on a thread of its own.

`plan` says what a run asks for, `sizing` and `pacing` how much of it at once,
`board` which request comes next, `dispersing` in which order answers are taken up,
`turns` which process may ask a server that holds one model, `asking` and `circuit`
how one question is put and when a model is given up, `dialogue` how one interaction
comes about, `crew` who judges, `sample` what a second judge reads, `stopping` and
`rounds` what need not be asked, and `core` holds the thread and hands outcomes to
the items.
"""

from pytest_domainsafety.engine.asking import Tally
from pytest_domainsafety.engine.early_stop import (
    Stopper,
    StopRule,
    operational_counts,
)
from pytest_domainsafety.engine.engine import Engine
from pytest_domainsafety.engine.judges import judge_warnings
from pytest_domainsafety.engine.plan import PairWork, Plan
from pytest_domainsafety.engine.rounds import Rounds

__all__ = [
    "Engine",
    "PairWork",
    "Plan",
    "Rounds",
    "StopRule",
    "Stopper",
    "Tally",
    "judge_warnings",
    "operational_counts",
]
