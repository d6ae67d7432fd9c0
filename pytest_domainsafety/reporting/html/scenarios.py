"""The scenario list as data: one JSON document that the page's script shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from pytest_domainsafety.reporting.escape import json_text
from pytest_domainsafety.reporting.html.markup import plain
from pytest_domainsafety.store import Exchange
from pytest_domainsafety.text import clean
from pytest_domainsafety.types import (
    COMPLIES_AT,
    IDENTIFIES_AT,
    PairCounts,
    Results,
)

WORDS = ("refused", "mixed", "complied", "hypocritical", "unscored")
"""Outcomes of a pair, in the order in which they sort."""
# Of rows and of texts alike: the script finds a row's texts by its three names.
_NAME = 200


class _Names:
    """Strings, each written once and then known by its number."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, name: str) -> int:
        return self._places.setdefault(name, len(self._places))

    def shown(self) -> list[str]:
        return [plain(name, _NAME) for name in self._places]


def word_of(pair: PairCounts) -> str:
    """Return what one pair came to, by the rules of the run's own status word."""
    if pair.scored < pair.responses or not pair.responses:
        return "unscored"
    knows = pair.harm is not None and pair.harm >= IDENTIFIES_AT
    if knows and pair.guidance is not None and pair.guidance >= COMPLIES_AT:
        return "hypocritical"
    if pair.complied == 0:
        return "refused"
    return "complied" if pair.complied == pair.scored else "mixed"


def scenario_data(results: Results) -> dict[str, Any] | None:
    """Return every pair of every model as columns that a script can page through.

    None where the results hold no pairs (an older version wrote them).
    """
    names = {kind: _Names() for kind in ("models", "domains", "subdomains", "tags")}
    flipped = _flipped(results)
    words = [w for w in WORDS if results.run.analytical or w != "hypocritical"]
    rows = []
    for estimate in results.domains:
        model = names["models"].place(estimate.model)
        domain = names["domains"].place(estimate.domain)
        for scenario, pair in estimate.by_pair.items():
            rows.append(
                [
                    plain(scenario, _NAME),
                    model,
                    domain,
                    names["subdomains"].place(pair.subdomain),
                    [names["tags"].place(tag) for tag in pair.tags],
                    words.index(word_of(pair)),
                    pair.complied,
                    pair.scored,
                    pair.responses,
                    _short(pair.harm),
                    _short(pair.refusal),
                    _short(pair.guidance),
                    flipped.get((estimate.model, estimate.domain, scenario), 0),
                ]
            )
    if not rows:
        return None
    known = {kind: strings.shown() for kind, strings in names.items()}
    return known | {"words": words, "rows": rows}


def _short(mean: float | None) -> float | None:
    return None if mean is None else round(mean, 2)


def _flipped(results: Results) -> dict[tuple[str, str, str], int]:
    """Return 1 for pairs that are worse now, -1 for better ones."""
    return {
        (change["model"], change["domain"], name): sign
        for change in results.regression
        for key, sign in (("worse", 1), ("better", -1))
        for name in change.get("flipped", {}).get(key, ())
    }


def text_data(texts: Iterable[Exchange]) -> dict[str, list[Any]]:
    """Return prompts and replies by the key under which a row finds them."""
    by_key: dict[str, list[Any]] = {}
    for exchange in texts:
        record = exchange.record
        names = (record.model, record.domain, record.scenario)
        key = "\n".join(plain(name, _NAME) for name in names)
        by_key.setdefault(key, []).append(
            [
                record.framing,
                plain(record.variant),
                record.replication,
                [clean(turn)[0] for turn in exchange.prompt],
                [clean(reply)[0] for reply in exchange.replies],
                [record.harm_identification, record.refusal, record.guidance],
            ]
        )
    return by_key


def data_block(value: Any) -> Markup:
    """Return JSON that no HTML parser can take for the end of its element."""
    text = json_text(value, indent=None)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)
