"""Which replies a second judge reads: a sample, the same in every process."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pytest_domainsafety.engine.plan import Cell, PairWork, Plan, cells
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import BASE_VARIANT

Drawn = frozenset[tuple[str, Cell]]
"""(key of the pair's item, interaction)."""


def draw_second(works: Iterable[PairWork], plan: Plan, kin: Collection[str]) -> Drawn:
    """Draw the second judge's sample: so many replies a domain, stratified.

    The replies of a domain are put in order by model, framing and sub-domain, by
    a seeded hash within these, and taken at equal distances: every stratum gets
    its share to within one (systematic sampling, Cochran 1977, ch. 8). Nothing
    but the plan and the pairs decides, in whatever order they come.

    Args:
        works: Every pair of the run.
        plan: Its seed and sample size.
        kin: Models under test whose replies the second judge must not read.
    """
    subjects = plan.subjects
    by_domain: dict[str, list[tuple[tuple[str, ...], str, Cell]]] = {}
    for work in works:
        if subjects[work.model].model in kin:
            continue
        domain = work.suite.suite.domain
        for cell in cells(work.pair, plan):
            if cell.variant == BASE_VARIANT:
                parts = [plan.seed, work.model, domain, work.pair.id, *cell]
                place = fingerprint("second", parts)
                stratum = (work.model, cell.framing, work.pair.subdomain, place)
                by_domain.setdefault(domain, []).append((stratum, work.key, cell))
    drawn = set()
    for rows in by_domain.values():
        rows.sort()
        wanted = min(plan.second_sample, len(rows))
        step = len(rows) / wanted if wanted else 0.0
        drawn |= {rows[int((number + 0.5) * step)][1:] for number in range(wanted)}
    return frozenset(drawn)
