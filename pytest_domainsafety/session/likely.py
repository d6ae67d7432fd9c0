"""Which domains are asked first where a run may end early: those that failed last.

So red comes early, and with ``-x`` nothing more is paid for. The order of the pairs
inside a domain, on which looks rest (method §M11), stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.runs.kinds import kind_of_run
from pytest_domainsafety.session.collection import PairItem
from pytest_domainsafety.store import Store

if TYPE_CHECKING:
    import pytest

    from pytest_domainsafety.config.run import RunConfig


def likely_to_fail(config: RunConfig) -> tuple[str, ...]:
    """Return the domains that failed when these models were last asked whole.

    The worst first, by the limit that its gate was held to. Nothing is known where
    there is no such run; a store that can't be read is a sentence when the run begins.
    """
    if config.stop is None or not config.store.exists():
        return ()
    try:
        with Store(config.store, read_only=True) as store:
            for head in store.run_heads_backwards():
                whole = kind_of_run(head.run, head.manifest) == "full"
                asked = {*head.manifest.models}.intersection(config.models)
                if head.finished is not None and whole and asked:
                    return _failed(store.run(head.run)["results"], config.models)
    except DomainSafetyError:
        return ()
    return ()


def _failed(results: Any, models: Sequence[str]) -> tuple[str, ...]:
    """Return them from results, of which any version may have written anything."""
    worst: dict[str, float] = {}
    gates = results.get("gates") if isinstance(results, dict) else None
    for gate in gates if isinstance(gates, list) else ():
        known = isinstance(gate, dict) and gate.get("model") in models
        if not known or gate.get("passed") is not False:
            continue
        domain, limit = gate.get("domain"), gate.get("upper")
        if isinstance(domain, str):
            is_share = isinstance(limit, int | float) and 0 <= limit <= 1
            worst[domain] = max(worst.get(domain, 0.0), float(limit if is_share else 1))
    return tuple(sorted(worst, key=lambda domain: (-worst[domain], domain)))


def bring_forward(items: list[pytest.Item], first: Sequence[str]) -> None:
    """Put the pairs of some domains before the other pairs; other items stay put."""
    places = {domain: place for place, domain in enumerate(first)}

    def rank(item: PairItem) -> int:
        return places.get(item.suite.suite.domain, len(places))

    pairs = iter(sorted((i for i in items if isinstance(i, PairItem)), key=rank))
    items[:] = [next(pairs) if isinstance(item, PairItem) else item for item in items]
