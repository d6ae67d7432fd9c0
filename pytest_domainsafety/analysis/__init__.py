"""From judged records to estimates, tables and results; knows no pytest, no SQL."""

from pytest_domainsafety.analysis.accumulate import Accumulator
from pytest_domainsafety.analysis.estimate import AnalysisSettings, estimate_domains

__all__ = ["Accumulator", "AnalysisSettings", "estimate_domains"]
