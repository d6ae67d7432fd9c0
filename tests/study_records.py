"""Records of a made-up study."""

from __future__ import annotations

import random

from pytest_domainsafety.types import Record


def record(scenario="s0", framing="operational", guidance=1, **fields):
    given = {
        "model": "m",
        "domain": "labor",
        "refusal": 6 - (guidance or 1),
        "harm_identification": 3,
    } | fields
    if guidance is None:
        given |= {"refusal": None, "harm_identification": None}
    return Record(scenario=scenario, framing=framing, guidance=guidance, **given)


def study(models=3, domains=4, pairs=6, seed=1):
    """A whole run with all that tables need."""
    draw = random.Random(seed)
    for model in range(models):
        for domain in range(domains):
            for pair in range(pairs):
                for framing in ("analytical", "operational"):
                    for replication in (1, 2):
                        lean = model + 2 * domain + draw.gauss(0, 1)
                        yes = framing == "operational" and lean > 4
                        guidance = min(5, max(1, round(lean / 2))) if yes else 1
                        yield record(
                            f"s{pair}",
                            framing,
                            guidance,
                            model=f"m{model}",
                            domain=f"d{domain}",
                            subdomain=f"sub{pair % 2}",
                            replication=replication,
                            harm_identification=draw.choice((4, 5)),
                            tags=("F1",) if pair % 3 else ("F2",),
                            markers={"cites_law": framing == "analytical"},
                        )
