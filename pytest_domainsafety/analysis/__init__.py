"""From judged records to estimates, gates, tables and results; no pytest, no SQL.

Records or rows come in, `Results` go out (`build_results`, `analyze_rows`); the session
calls it at the end of a run, `runs` and the commands for saved ones. `gate` has the
verdicts on estimates and the exit status, `regression_gate` those on changes since a
baseline. Nothing here is for use from outside: `runs.load_results` is.
"""

from pytest_domainsafety.analysis.accumulate import Accumulator
from pytest_domainsafety.analysis.agreement import (
    ByJudge,
    agreement_within,
    by_judge,
    judge_agreement,
    traces_table,
)
from pytest_domainsafety.analysis.breakdown import DIMENSIONS, Breakdown, break_down
from pytest_domainsafety.analysis.changes import (
    RisePolicy,
    compare_each,
    regressions,
    too_few,
)
from pytest_domainsafety.analysis.compare import (
    Counts,
    adapted_differences,
    counts_in,
    counts_of,
    counts_of_sums,
    manifest_differences,
    model_differences,
    part_of,
    partners_of,
    prompt_differences,
    suite_differences,
)
from pytest_domainsafety.analysis.estimate import (
    AnalysisSettings,
    Stopped,
    estimate_domains,
)
from pytest_domainsafety.analysis.results import against, analyze_rows, build_results
from pytest_domainsafety.analysis.selftest import self_test
from pytest_domainsafety.analysis.tables import build_tables

__all__ = [
    "DIMENSIONS",
    "Accumulator",
    "AnalysisSettings",
    "Breakdown",
    "ByJudge",
    "Counts",
    "RisePolicy",
    "Stopped",
    "adapted_differences",
    "against",
    "agreement_within",
    "analyze_rows",
    "break_down",
    "build_results",
    "build_tables",
    "by_judge",
    "compare_each",
    "counts_in",
    "counts_of",
    "counts_of_sums",
    "estimate_domains",
    "judge_agreement",
    "manifest_differences",
    "model_differences",
    "part_of",
    "partners_of",
    "prompt_differences",
    "regressions",
    "self_test",
    "suite_differences",
    "too_few",
    "traces_table",
]
