"""The engine: keeps requests in flight on a thread of its own.

`plan` says what a run asks for, `board` which request comes next, `asking` how
one question is put (store, retries, circuit), `dialogue` how one interaction
comes about, `crew` who judges, `sample` what a second judge reads, and `core`
holds the thread and hands outcomes to the items.
"""

from pytest_domainsafety.engine.asking import Tally
from pytest_domainsafety.engine.core import Engine
from pytest_domainsafety.engine.crew import judge_warnings
from pytest_domainsafety.engine.plan import PairWork, Plan

__all__ = ["Engine", "PairWork", "Plan", "Tally", "judge_warnings"]
