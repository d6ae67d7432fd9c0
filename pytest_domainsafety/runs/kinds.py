"""What kind of run a stored one is: which may stand for the model, and which not.

Cards, trends and baselines speak of a model, so they take whole runs alone unless a
run is named (method §M6): a part that the user chose, a run that another judge read
again and one half of an A/A test are runs too, and none of them is a release.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pytest_domainsafety.types import RUN_KINDS, RunKind

SELFTEST_VARIABLE = "DOMAINSAFETY_SELFTEST"
"""Set by `domainsafety selftest` for the runs that it starts."""


def kind_of_run(run: str, manifest: Mapping[str, Any]) -> RunKind:
    """Return the kind of a run; of one by an older version, as far as it can be told.

    Args:
        run: Its name.
        manifest: Its own; ``kind`` is there since 0.2.
    """
    kind = manifest.get("kind")
    if kind in RUN_KINDS:
        return kind  # type: ignore[no-any-return]
    # Before runs had a kind, judging again was told by its name alone.
    if manifest.get("rejudged_from") or "-again-" in run:
        return "rejudge"
    selection = manifest.get("selection") or {}
    if any(selection.values()) or _lacks_pairs(manifest):
        return "part"
    return "full"


def _lacks_pairs(manifest: Mapping[str, Any]) -> bool:
    """Whether fewer pairs were asked than the run's own suites hold."""
    whole: Counter[str] = Counter()
    for suite in (manifest.get("suites") or {}).values():
        whole[str(suite.get("domain"))] += int(suite.get("pairs") or 0)
    return any(
        len(scenarios) < whole[domain]
        for domains in (manifest.get("expected") or {}).values()
        for domain, scenarios in domains.items()
    )
