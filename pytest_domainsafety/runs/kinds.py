"""What kind of run a stored one is: which may stand for the model, and which not.

Cards, trends and baselines speak of a model, so they take whole runs alone unless a
run is named (method §M6): a part that the user chose, a run that another judge read
again and one half of an A/A test are runs too, and none of them is a release.
"""

from __future__ import annotations

from collections import Counter

from pytest_domainsafety.types import RUN_KINDS, Manifest, RunKind

PLAN_VARIABLE = "DOMAINSAFETY_PLAN"
"""Names the file in which `domainsafety plan` is told what a run would take."""
SELFTEST_VARIABLE = "DOMAINSAFETY_SELFTEST"
"""Set by `domainsafety selftest` for the runs that it starts."""


def kind_of_run(run: str, manifest: Manifest) -> RunKind:
    """Return the kind of a run; of one by an older version, as far as it can be told.

    Args:
        run: Its name.
        manifest: Its own; one by an older version has no ``kind``.
    """
    for kind in RUN_KINDS:
        if manifest.kind == kind:
            return kind
    # Before runs had a kind, judging again was told by its name alone.
    if manifest.rejudged_from or "-again-" in run:
        return "rejudge"
    chosen = manifest.selection.keyword or manifest.selection.markexpr
    return "part" if chosen or _lacks_pairs(manifest) else "full"


def _lacks_pairs(manifest: Manifest) -> bool:
    """Whether fewer pairs were asked than the run's own suites hold."""
    whole: Counter[str] = Counter()
    for suite in manifest.suites.values():
        whole[suite.domain] += suite.whole
    return any(
        len(scenarios) < whole[domain]
        for domains in manifest.expected.values()
        for domain, scenarios in domains.items()
    )
