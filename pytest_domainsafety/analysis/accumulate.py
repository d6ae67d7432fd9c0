"""Records of any number, added up by cluster.

Memory grows with the number of scenario pairs, not with that of records: a
cell (one framing of one pair on one model) is a row of sums and one bit for
each replication seen, by which a record that comes twice counts once.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.types import (
    BASE_VARIANT,
    COMPLIES_AT,
    FRAMINGS,
    SCORED,
    STRONG_REFUSAL_AT,
    Framing,
)

Column = Literal[
    "responses",
    "scored",
    "at_least_2",
    "complied",
    "at_least_4",
    "guidance",
    "with_refusal",
    "refusal",
    "strong",
    "with_harm",
    "harm",
    "silent_refusal",
    "filtered",
    "truncated",
    "error",
]
COLUMNS: tuple[Column, ...] = Column.__args__  # type: ignore[attr-defined]
WIDTH = len(COLUMNS)
_COLUMN = {name: place for place, name in enumerate(COLUMNS)}
# A reply that some judge could not score is in none of these columns: it is what
# `responses` has beyond `scored`.
_STATUS_COLUMN = {
    "silent_refusal": _COLUMN["silent_refusal"],
    "filtered": _COLUMN["filtered"],
    "truncated": _COLUMN["truncated"],
    "error": _COLUMN["error"],
}
_ZEROS = array("q", [0] * (2 * WIDTH))

Key = tuple[str, str]
"""(model, domain)."""


class Judged(Protocol):
    """What is read off a record; :class:`~pytest_domainsafety.types.Record` fits."""

    @property
    def run(self) -> str: ...  # noqa: D102
    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def domain(self) -> str: ...  # noqa: D102
    @property
    def subdomain(self) -> str: ...  # noqa: D102
    @property
    def scenario(self) -> str: ...  # noqa: D102
    @property
    def framing(self) -> Framing: ...  # noqa: D102
    @property
    def variant(self) -> str: ...  # noqa: D102
    @property
    def replication(self) -> int: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def harm_identification(self) -> int | None: ...  # noqa: D102
    @property
    def refusal(self) -> int | None: ...  # noqa: D102
    @property
    def guidance(self) -> int | None: ...  # noqa: D102
    @property
    def markers(self) -> dict[str, bool]: ...  # noqa: D102
    @property
    def tags(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def judge(self) -> str: ...  # noqa: D102
    @property
    def prompt_hash(self) -> str: ...  # noqa: D102
    @property
    def zero_tolerance(self) -> bool: ...  # noqa: D102


class Group:
    """All clusters of one model in one domain.

    Attributes:
        scenarios: Scenario → its place in the sums.
        subdomains: By place.
        tags: By place: framing tags of the operational prompt.
        prompts: By place: hash of the operational prompt, as far as records say.
        markers: Name → framing → [yes, answered].
        zero_tolerance: Scenarios of which some record says that they are marked so.
    """

    __slots__ = (
        "_seen",
        "_sums",
        "markers",
        "prompts",
        "scenarios",
        "subdomains",
        "tags",
        "zero_tolerance",
    )

    def __init__(self) -> None:
        """Start with no cluster."""
        self.scenarios: dict[str, int] = {}
        self.subdomains: list[str] = []
        self.tags: list[tuple[str, ...]] = []
        self.prompts: list[str] = []
        self.markers: dict[str, dict[Framing, list[int]]] = {}
        self.zero_tolerance: set[str] = set()
        self._sums = array("q")
        self._seen: list[int] = []

    def add(self, record: Judged) -> bool:
        """Add one record; return False where its replication is there already."""
        place = self.scenarios.get(record.scenario)
        if place is None:
            place = self._place(record.scenario, record.subdomain, record.tags)
        if record.zero_tolerance:
            self.zero_tolerance.add(record.scenario)
        cell = 2 * place + (record.framing != "analytical")
        # A row without a number counts each time: it can't be told from another.
        if record.replication:
            bit = 1 << record.replication
            if self._seen[cell] & bit:
                return False
            self._seen[cell] |= bit
        if cell % 2 and record.prompt_hash != self.prompts[place]:
            self._note_prompt(place, record.prompt_hash)
        self._count(cell * WIDTH, record)
        if record.markers:
            self._count_markers(record)
        return True

    def take(self, other: Group) -> None:
        """Add another group's cells; one whose replications are here stays out."""
        self.zero_tolerance |= other.zero_tolerance
        for scenario, theirs in other.scenarios.items():
            place = self.scenarios.get(scenario)
            if place is None:
                place = self._place(
                    scenario, other.subdomains[theirs], other.tags[theirs]
                )
            for side in (0, 1):
                mine, cell = 2 * place + side, 2 * theirs + side
                if self._seen[mine] & other._seen[cell]:
                    continue
                if side and other.prompts[theirs] != self.prompts[place]:
                    self._note_prompt(place, other.prompts[theirs])
                self._seen[mine] |= other._seen[cell]
                for column in range(WIDTH):
                    found = other._sums[cell * WIDTH + column]
                    self._sums[mine * WIDTH + column] += found

    def _place(self, scenario: str, subdomain: str, tags: tuple[str, ...]) -> int:
        place = self.scenarios[scenario] = len(self.subdomains)
        self.subdomains.append(subdomain)
        self.tags.append(tags)
        self.prompts.append("")
        self._sums.extend(_ZEROS)
        self._seen += (0, 0)
        return place

    def _note_prompt(self, place: int, prompt: str) -> None:
        """Keep a hash; several different ones are all kept, and match no other run."""
        known = {*self.prompts[place].split("+"), *prompt.split("+")} - {""}
        self.prompts[place] = "+".join(sorted(known))

    def _count(self, row: int, record: Judged) -> None:
        sums, status = self._sums, record.status
        sums[row] += 1
        if status in _STATUS_COLUMN:
            sums[row + _STATUS_COLUMN[status]] += 1
        guidance = record.guidance
        if guidance is None or status not in SCORED:
            return
        sums[row + 1] += 1
        sums[row + 2] += guidance >= COMPLIES_AT - 1
        sums[row + 3] += guidance >= COMPLIES_AT
        sums[row + 4] += guidance >= COMPLIES_AT + 1
        sums[row + 5] += guidance
        if (refusal := record.refusal) is not None:
            sums[row + 6] += 1
            sums[row + 7] += refusal
            sums[row + 8] += refusal >= STRONG_REFUSAL_AT
        if (harm := record.harm_identification) is not None:
            sums[row + 9] += 1
            sums[row + 10] += harm

    def _count_markers(self, record: Judged) -> None:
        framing = record.framing
        for name, said in record.markers.items():
            try:
                tally = self.markers[name][framing]
            except KeyError:
                tally = self.markers.setdefault(name, {})[framing] = [0, 0]
            tally[0] += bool(said)
            tally[1] += 1

    def sums(self) -> Sums:
        """Return the sums by framing, in the order of the scenarios' names.

        The order makes every figure independent of that of the records.
        """
        table = np.array(self._sums, dtype=np.int64).reshape(-1, 2, WIDTH)
        names = sorted(self.scenarios)
        order = np.array([self.scenarios[name] for name in names], dtype=np.intp)
        return Sums(
            names,
            [self.subdomains[place] for place in order],
            [self.tags[place] for place in order],
            [self.prompts[place] for place in order],
            {framing: table[order, place] for place, framing in enumerate(FRAMINGS)},
        )


class Sums:
    """The sums of one group as arrays, one row a cluster."""

    def __init__(
        self,
        scenarios: list[str],
        subdomains: list[str],
        tags: list[tuple[str, ...]],
        prompts: list[str],
        tables: dict[Framing, NDArray[np.int64]],
    ) -> None:
        """Keep rows in the order of `scenarios`."""
        self.scenarios = scenarios
        self.subdomains = subdomains
        self.tags = tags
        self.prompts = prompts
        self._tables = tables

    def of(self, framing: Framing, column: Column) -> NDArray[np.int64]:
        """Return one column, shape (clusters,)."""
        return self._tables[framing][:, _COLUMN[column]]

    def total(self, framing: Framing, column: Column) -> int:
        """Return one column's sum."""
        return int(self.of(framing, column).sum())

    def ratio(self, framing: Framing, above: Column, below: Column) -> float | None:
        """Return a ratio of sums, None without a denominator."""
        count = self.total(framing, below)
        return self.total(framing, above) / count if count else None

    def mean(
        self, framing: Framing, above: Column, below: Column
    ) -> NDArray[np.float64]:
        """Return the ratio in each cluster, NaN where its denominator is 0."""
        count = self.of(framing, below)
        result = np.full(len(count), np.nan)
        np.divide(self.of(framing, above), count, out=result, where=count > 0)
        return result


class Accumulator:
    """Adds records up, by model and domain; base variants in `groups`.

    Attributes:
        groups: (model, domain) → clusters of the prompts as written.
        variants: Variant → (model, domain) → clusters of the ablated prompts.
        repeated: Records that were there already.
    """

    def __init__(self, records: Iterable[Judged] = ()) -> None:
        """Add the records, if any."""
        self.groups: dict[Key, Group] = {}
        self.variants: dict[str, dict[Key, Group]] = {}
        self.repeated = 0
        for record in records:
            self.add(record)

    def _group(self, record: Judged) -> Group:
        groups = self.groups
        if record.variant != BASE_VARIANT:
            groups = self.variants.setdefault(record.variant, {})
        key = (record.model, record.domain)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group()
        return group

    def add(self, record: Judged) -> None:
        """Add one record, unless its replication is there already."""
        self.repeated += not self._group(record).add(record)

    def take(self, other: Accumulator) -> None:
        """Add what another one holds."""
        self.repeated += other.repeated
        levels = [(self.groups, other.groups)]
        for variant, groups in other.variants.items():
            levels.append((self.variants.setdefault(variant, {}), groups))
        for mine, theirs in levels:
            for key, group in theirs.items():
                mine.setdefault(key, Group()).take(group)
