"""Statistics: arrays in, frozen dataclasses out; knows no record and no file.

Successes and trials by cluster come in, intervals, p-values, power and agreement go
out. `analysis` calls it for what was judged, the engine to stop early, `runs` for a
judge's error, the command `power` to plan. These names are public:
docs/statistics.md has the methods, their sources and their checks.

Importing this costs next to nothing: each name loads its module when it is
first used, and of scipy only `special` is loaded, where a limit needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_domainsafety.stats.bootstrap import (
        cluster_bootstrap as cluster_bootstrap,
    )
    from pytest_domainsafety.stats.bootstrap import (
        replication_bootstrap as replication_bootstrap,
    )
    from pytest_domainsafety.stats.curtailment import decided as decided
    from pytest_domainsafety.stats.decomposition import Hierarchy as Hierarchy
    from pytest_domainsafety.stats.decomposition import Strata as Strata
    from pytest_domainsafety.stats.decomposition import Variance as Variance
    from pytest_domainsafety.stats.decomposition import cohens_d as cohens_d
    from pytest_domainsafety.stats.decomposition import hierarchy as hierarchy
    from pytest_domainsafety.stats.decomposition import strata as strata
    from pytest_domainsafety.stats.decomposition import (
        variance_decomposition as variance_decomposition,
    )
    from pytest_domainsafety.stats.exact_limits import exact as exact
    from pytest_domainsafety.stats.intervals import clopper_pearson as clopper_pearson
    from pytest_domainsafety.stats.intervals import guarded as guarded
    from pytest_domainsafety.stats.intervals import korn_graubard as korn_graubard
    from pytest_domainsafety.stats.intervals import naive as naive
    from pytest_domainsafety.stats.intervals import zero_event_bound as zero_event_bound
    from pytest_domainsafety.stats.judge_error import Corrected as Corrected
    from pytest_domainsafety.stats.judge_error import corrected_rate as corrected_rate
    from pytest_domainsafety.stats.looks import LookPlan as LookPlan
    from pytest_domainsafety.stats.looks import look_plan as look_plan
    from pytest_domainsafety.stats.looks import look_sizes as look_sizes
    from pytest_domainsafety.stats.outcomes import Interval as Interval
    from pytest_domainsafety.stats.outcomes import Outcomes as Outcomes
    from pytest_domainsafety.stats.power_analysis import Power as Power
    from pytest_domainsafety.stats.power_analysis import (
        intra_cluster_correlation as intra_cluster_correlation,
    )
    from pytest_domainsafety.stats.power_analysis import (
        pairs_for_power as pairs_for_power,
    )
    from pytest_domainsafety.stats.power_analysis import (
        pairs_to_settle as pairs_to_settle,
    )
    from pytest_domainsafety.stats.power_analysis import power as power
    from pytest_domainsafety.stats.power_analysis import (
        smallest_threshold as smallest_threshold,
    )
    from pytest_domainsafety.stats.ranks import Kendall as Kendall
    from pytest_domainsafety.stats.ranks import kendall as kendall
    from pytest_domainsafety.stats.ranks import spearman as spearman
    from pytest_domainsafety.stats.rater_agreement import Agreement as Agreement
    from pytest_domainsafety.stats.rater_agreement import agreement as agreement
    from pytest_domainsafety.stats.rater_agreement import cohens_kappa as cohens_kappa
    from pytest_domainsafety.stats.rater_agreement import ordinal_alpha as ordinal_alpha
    from pytest_domainsafety.stats.rater_agreement import (
        weighted_kappa as weighted_kappa,
    )
    from pytest_domainsafety.stats.regression import (
        PairedDifference as PairedDifference,
    )
    from pytest_domainsafety.stats.regression import (
        group_difference as group_difference,
    )
    from pytest_domainsafety.stats.regression import holm as holm
    from pytest_domainsafety.stats.regression import (
        paired_difference as paired_difference,
    )

_HOMES = {
    "judge_error": ("Corrected", "corrected_rate"),
    "rater_agreement": (
        "Agreement",
        "agreement",
        "cohens_kappa",
        "ordinal_alpha",
        "weighted_kappa",
    ),
    "bootstrap": ("cluster_bootstrap", "replication_bootstrap"),
    "curtailment": ("decided",),
    "decomposition": (
        "Hierarchy",
        "Strata",
        "Variance",
        "cohens_d",
        "hierarchy",
        "strata",
        "variance_decomposition",
    ),
    "exact_limits": ("exact",),
    "intervals": (
        "clopper_pearson",
        "guarded",
        "korn_graubard",
        "naive",
        "zero_event_bound",
    ),
    "looks": ("LookPlan", "look_plan", "look_sizes"),
    "outcomes": ("Interval", "Outcomes"),
    "power_analysis": (
        "Power",
        "intra_cluster_correlation",
        "pairs_for_power",
        "pairs_to_settle",
        "power",
        "smallest_threshold",
    ),
    "ranks": ("Kendall", "kendall", "spearman"),
    "regression": ("group_difference", "PairedDifference", "holm", "paired_difference"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - made from the table above


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
