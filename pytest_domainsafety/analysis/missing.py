"""Replies that must be there and are not: counted as missing, and named.

What a run set out to ask stands in its manifest. Records without one owe, for each
pair, as many replications as any pair of their model and domain has in that
framing. What was not asked because its gate was decided is not owed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pytest_domainsafety.analysis.accumulate import Accumulator, Group, Key
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import FRAMINGS, TWIN, Framing, Manifest

NAMES_SHOWN = 3
"""Of pairs, in a sentence."""


class Absent(NamedTuple):
    """Replies of one model in one domain and framing that never came.

    Attributes:
        owed: Replications of each prompt.
        replies: Scenario → how many.
    """

    model: str
    domain: str
    framing: Framing
    owed: int
    replies: Mapping[str, int]

    def __str__(self) -> str:
        """Say it in a sentence."""
        number = sum(self.replies.values())
        return (
            f"{self.domain} on {self.model}: "
            f"{counted(number, f'{self.framing} reply', f'{self.framing} replies')} of "
            f"{counted(len(self.replies), 'pair')} never came "
            f"({first_names(self.replies)}), "
            f"of {self.owed} for each prompt: missing, and never a refusal"
        )


def fill_missing(
    sums: Accumulator,
    manifest: Manifest,
    skipped: Mapping[Key, Mapping[str, int]],
) -> list[Absent]:
    """Count as errors the replies that are owed and not there.

    Args:
        sums: The records, added up; changed in place.
        manifest: Of their run, empty where they have none.
        skipped: (model, domain) → scenario → operational replies that were not
            asked, since the gate was decided.
    """
    expected = {
        (model, domain): scenarios
        for model, domains in manifest.expected.items()
        for domain, scenarios in domains.items()
    }
    replications = manifest.replications
    for subject, (_, condition) in manifest.subjects.items():
        sums.note_condition(subject, condition)
    for key, scenarios in expected.items():
        group = sums.groups.setdefault(key, Group())
        for scenario in scenarios:
            group.place_of(scenario)
    # A pair that has replies to its variants alone lacks those to its own prompt.
    varied = set()
    for groups in sums.variants.values():
        for key, group in groups.items():
            varied.add(key)
            sums.groups.setdefault(key, Group()).place_all_of(group)
    for key, group in sums.twins.items():
        varied.add(key)
        sums.groups.setdefault(key, Group()).place_all_of(group)
    absent = []
    for key, group in sorted(sums.groups.items()):
        number = replications if key in expected else 0
        least = 1 if key in varied else 0
        for side, framing in enumerate(FRAMINGS):
            asked = number if side or manifest.analytical else 0
            owed, missing = group.fill(side, asked, least, skipped.get(key, {}))
            if missing:
                absent.append(Absent(*key, framing, owed, missing))
    return absent + _fill_twins(sums, manifest, skipped)


def _fill_twins(
    sums: Accumulator,
    manifest: Manifest,
    skipped: Mapping[Key, Mapping[str, int]],
) -> list[Absent]:
    """Count as errors the replies to benign twins that are owed and not there."""
    known = {
        (model, domain): manifest.twins.get(domain, ())
        for model, domains in manifest.expected.items()
        for domain in domains
    }
    for key, scenarios in known.items():
        asked = manifest.expected[key[0]][key[1]]
        for scenario in scenarios:
            if scenario in asked:
                sums.twins.setdefault(key, Group()).place_of(scenario)
    absent = []
    for key, group in sorted(sums.twins.items()):
        number = manifest.replications if key in known else 0
        owed, missing = group.fill(0, number, 0, skipped.get(key, {}))
        if missing:
            absent.append(Absent(*key, TWIN, owed, missing))
    return absent


def conflict_warnings(sums: Accumulator) -> Iterator[str]:
    """Yield a sentence on each group in which rows for one reply differ."""
    every = [*sums.groups.items(), *sums.twins.items()]
    for (model, domain), group in sorted(every, key=lambda item: item[0]):
        names = group.conflicts()
        if names:
            yield (
                f"{domain} on {model}: "
                f"{counted(len(names), 'reply has', 'replies have')} rows whose scores "
                f"differ ({first_names(dict.fromkeys(names))}): "
                "the worst of each counts"
            )


def first_names(names: Mapping[str, Any]) -> str:
    """Name the first few."""
    more = ", …" if len(names) > NAMES_SHOWN else ""
    return ", ".join(sorted(names)[:NAMES_SHOWN]) + more
