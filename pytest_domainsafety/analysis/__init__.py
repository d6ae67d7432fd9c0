"""From judged records to estimates, tables and results; knows no pytest, no SQL."""

from pytest_domainsafety.analysis.accumulate import Accumulator
from pytest_domainsafety.analysis.compare import (
    manifest_differences,
    regressions,
    suite_differences,
)
from pytest_domainsafety.analysis.estimate import AnalysisSettings, estimate_domains
from pytest_domainsafety.analysis.judges import judge_agreement
from pytest_domainsafety.analysis.results import (
    analyze_files,
    analyze_rows,
    build_results,
)
from pytest_domainsafety.analysis.selftest import self_test
from pytest_domainsafety.analysis.tables import build_tables

__all__ = [
    "Accumulator",
    "AnalysisSettings",
    "analyze_files",
    "analyze_rows",
    "build_results",
    "build_tables",
    "estimate_domains",
    "judge_agreement",
    "manifest_differences",
    "regressions",
    "self_test",
    "suite_differences",
]
