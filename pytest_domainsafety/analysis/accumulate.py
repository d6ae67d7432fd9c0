"""Records of any number, added up by cluster.

Memory grows with the number of scenario pairs, and by a few bytes a record (see
:mod:`~pytest_domainsafety.analysis.cells`). The order of the records decides
nothing: rows for one reply that agree count once, of rows that differ the worst
counts and the reply is a conflict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.analysis.blocks import Block, first_places
from pytest_domainsafety.analysis.cells import COLUMNS, Cells, Column
from pytest_domainsafety.analysis.turns import Conversation, conversation_of
from pytest_domainsafety.types import BASE_VARIANT, FRAMINGS, TWIN, Framing
from pytest_domainsafety.types.rows import Judged

_COLUMN = {name: place for place, name in enumerate(COLUMNS)}

Key = tuple[str, str]
"""(model, domain)."""


class Group:
    """All clusters of one model in one domain.

    Attributes:
        scenarios: Scenario → its place; its cells are twice that, and the next.
        subdomains: By place.
        tags: By place: framing tags of the operational prompt.
        prompts: By place: hash of the operational prompt, as far as records say.
        cells: The replies.
        zero_tolerance: Scenarios of which some record says that they are marked so.
    """

    __slots__ = (
        "cells",
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
        self.cells = Cells()
        self.zero_tolerance: set[str] = set()

    def add(self, record: Judged) -> bool:
        """Add one record; return False where its replication is there already."""
        place = self.scenarios.get(record.scenario)
        if place is None:
            place = self.place_of(record.scenario, record.subdomain, record.tags)
        elif (
            record.subdomain != self.subdomains[place]
            or record.tags != self.tags[place]
        ):
            self._note_part(place, record.subdomain, record.tags)
        if record.zero_tolerance:
            self.zero_tolerance.add(record.scenario)
        # A twin is counted as an analytical reply is, in a group of its own: what is
        # looked at is refusal, and what is worst of two rows is the stronger one.
        side = record.framing == "operational"
        if side:
            self._note_prompt(place, record.prompt_hash)
        return self.cells.add(2 * place + side, record)

    def add_block(self, block: Block) -> int:
        """Add many rows; return how many replications were there already."""
        kinds = block.kinds
        sides = np.array([kind.framing == "operational" for kind in kinds])
        belongs = {(k.subdomain, k.tags, k.zero_tolerance): k for k in kinds}
        order = {key: place for place, key in enumerate(belongs)}
        part = np.array(
            [order[k.subdomain, k.tags, k.zero_tolerance] for k in kinds],
            dtype=np.int64,
        )
        side = sides[block.kind].astype(np.int64)
        keys = block.scenario * len(order) + part[block.kind]
        keys = keys * (len(block.prompts) + 1) + side * (block.prompt + 1)
        places = np.zeros(len(block.scenarios), dtype=np.int64)
        rows = first_places(keys)
        for kind, scenario, prompt in zip(
            block.kind[rows].tolist(),
            block.scenario[rows].tolist(),
            block.prompt[rows].tolist(),
            strict=True,
        ):
            like, name = kinds[kind], block.scenarios[scenario]
            place = self.place_of(name, like.subdomain, like.tags)
            places[scenario] = place
            self._note_part(place, like.subdomain, like.tags)
            if like.zero_tolerance:
                self.zero_tolerance.add(name)
            if sides[kind]:
                self._note_prompt(place, block.prompts[prompt])
        codes = np.array([self.cells.code_of(kind) for kind in kinds], dtype=np.int64)
        fresh = self.cells.put_many(
            2 * places[block.scenario] + side, block.replication, codes[block.kind]
        )
        return int(len(fresh) - fresh.sum())

    def take(self, other: Group) -> int:
        """Add another group's replies; return how many were there already."""
        places = self._places(other)
        for scenario, theirs in other.scenarios.items():
            place = self.scenarios[scenario]
            self._note_prompt(place, other.prompts[theirs])
        return self.cells.take(other.cells, places)

    def fill_unjudged(self, other: Group) -> dict[str, int]:
        """Count as unscored what another judge scored and this one has not.

        Returns:
            Scenario → replies, where there are any.
        """
        missing = self.cells.fill_unjudged(other.cells, self._places(other))
        return {
            scenario: int(count)
            for scenario, place in other.scenarios.items()
            if (count := missing[2 * place : 2 * place + 2].sum())
        }

    def place_of(
        self, scenario: str, subdomain: str = "", tags: tuple[str, ...] = ()
    ) -> int:
        """Return a scenario's place, a new one where it has none."""
        place = self.scenarios.get(scenario)
        if place is None:
            place = self.scenarios[scenario] = len(self.subdomains)
            self.subdomains.append(subdomain)
            self.tags.append(tags)
            self.prompts.append("")
            self.cells.open_pair()
        return place

    def place_all_of(self, other: Group) -> None:
        """Give every scenario of another group a place."""
        self._places(other)

    def fill(
        self, side: int, replications: int, least: int, skipped: Mapping[str, int]
    ) -> tuple[int, dict[str, int]]:
        """Count as errors the replies of one framing that are owed and not there.

        Args:
            side: 0 analytical, 1 operational.
            replications: Of each prompt; 0 for the most that any pair has.
            least: Of each operational prompt, where no pair has any.
            skipped: Scenario → operational replies that were not asked.

        Returns:
            What is owed of each prompt, and scenario → how many were missing.
        """
        if not self.scenarios:
            return 0, {}
        owed = replications or int(self.cells.largest()[side::2].max())
        owed = max(owed, least * side)
        known = self.cells.known(owed)[side::2].tolist()
        missing = {}
        for scenario, place in self.scenarios.items():
            gone = skipped.get(scenario, 0)
            # Where something was skipped, the analytical half was too.
            due = owed - gone if side or not gone else 0
            if due > known[place]:
                missing[scenario] = due - known[place]
                self.cells.add_loose(2 * place + side, "error", missing[scenario])
        return owed, missing

    def _places(self, other: Group) -> NDArray[np.int64]:
        """Return the cell here of each cell of another group."""
        self.zero_tolerance |= other.zero_tolerance
        places = np.zeros(other.cells.size, dtype=np.int64)
        for scenario, theirs in other.scenarios.items():
            place = self.place_of(scenario)
            self._note_part(place, other.subdomains[theirs], other.tags[theirs])
            places[2 * theirs] = 2 * place
            places[2 * theirs + 1] = 2 * place + 1
        return places

    def _note_part(self, place: int, subdomain: str, tags: tuple[str, ...]) -> None:
        """Keep what a scenario belongs to; where records differ, order decides not."""
        self.subdomains[place] = max(self.subdomains[place], subdomain)
        self.tags[place] = max(self.tags[place], tags)

    def _note_prompt(self, place: int, prompt: str) -> None:
        """Keep a hash; several different ones are all kept, and match no other run."""
        if prompt == self.prompts[place]:
            return
        known = {*self.prompts[place].split("+"), *prompt.split("+")} - {""}
        self.prompts[place] = "+".join(sorted(known))

    def markers(self) -> dict[str, dict[Framing, list[int]]]:
        """Return name → framing → [yes, answered]."""
        tallies: dict[str, dict[Framing, list[int]]] = {}
        for markers, side, times in self.cells.marker_counts():
            for name, answer in markers:
                by_framing = tallies.setdefault(name, {})
                tally = by_framing.setdefault(FRAMINGS[side], [0, 0])
                tally[0] += times * bool(answer)
                tally[1] += times
        return tallies

    def conflicts(self) -> list[str]:
        """Return the scenario of each reply that came with different scores."""
        names = list(self.scenarios)
        return sorted(names[cell // 2] for cell in self.cells.conflicts().tolist())

    def sums(self) -> Sums:
        """Return the sums by framing, in the order of the scenarios' names.

        The order makes every figure independent of that of the records.
        """
        table = self.cells.sums().reshape(-1, 2, len(COLUMNS))
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
        twins: (model, domain) → clusters of the benign twins, in analytical cells.
        conditions: Model → the condition that its name ends with, empty for none.
        conversations: (model, domain) → operational replies of several turns.
        repeated: Records that were there already.
    """

    def __init__(self, records: Iterable[Judged] = ()) -> None:
        """Add the records, if any."""
        self.groups: dict[Key, Group] = {}
        self.variants: dict[str, dict[Key, Group]] = {}
        self.twins: dict[Key, Group] = {}
        self.conditions: dict[str, str] = {}
        self.conversations: dict[Key, dict[tuple[str, int, int], Conversation]] = {}
        self.repeated = 0
        for record in records:
            self.add(record)

    def _group(self, record: Judged) -> Group:
        groups = self.groups
        if record.framing == TWIN:
            groups = self.twins
        elif record.variant != BASE_VARIANT:
            groups = self.variants.setdefault(record.variant, {})
        key = (record.model, record.domain)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group()
            self.note_condition(record.model, record.condition)
        return group

    def note_condition(self, model: str, condition: str) -> None:
        """Remember under which condition a model was asked."""
        self.conditions[model] = max(self.conditions.get(model, ""), condition)

    def of_first(self, groups: Mapping[Key, Group]) -> dict[Key, Group]:
        """Return the groups under the first condition, by name.

        A model under a second condition is no second model.
        """
        conditions = {self.conditions.get(model, "") for model, _ in self.groups}
        first = min(conditions, default="")
        return {
            key: group
            for key, group in sorted(groups.items())
            if self.conditions.get(key[0], "") == first
        }

    def add(self, record: Judged) -> None:
        """Add one record, unless its replication is there already."""
        new = self._group(record).add(record)
        self.repeated += not new
        if new and record.framing == "operational" and record.variant == BASE_VARIANT:
            self._note_turns(record)

    def _note_turns(self, record: Judged) -> None:
        conversation = conversation_of(record)
        if conversation is not None:
            known = self.conversations.setdefault((record.model, record.domain), {})
            # Without a number rows count in the order in which they appear.
            number = record.replication
            known[record.scenario, number, 0 if number else len(known)] = conversation

    def add_block(self, block: Block) -> None:
        """Add many rows, each unless its replication is there already."""
        groups = [self._group(kind) for kind in block.kinds]
        number = {id(group): at for at, group in reversed(list(enumerate(groups)))}
        for at, part in block.parts([number[id(group)] for group in groups]):
            self.repeated += groups[at].add_block(part.with_few_kinds())

    def take(self, other: Accumulator) -> None:
        """Add what another one holds."""
        self.repeated += other.repeated
        for key, theirs_told in other.conversations.items():
            told = theirs_told | self.conversations.get(key, {})
            self.conversations[key] = told
        for model, condition in other.conditions.items():
            self.note_condition(model, condition)
        levels = [(self.groups, other.groups), (self.twins, other.twins)]
        for variant, groups in other.variants.items():
            levels.append((self.variants.setdefault(variant, {}), groups))
        for mine, theirs in levels:
            for key, group in theirs.items():
                self.repeated += mine.setdefault(key, Group()).take(group)

    def fill_unjudged(self, other: Accumulator) -> dict[Key, dict[str, int]]:
        """Count as unscored what another judge scored and this one has not.

        Returns:
            (model, domain) → scenario → replies to prompts as written.
        """
        for model, condition in other.conditions.items():
            self.note_condition(model, condition)
        for key, group in sorted(other.twins.items()):
            self.twins.setdefault(key, Group()).fill_unjudged(group)
        return {
            key: missing
            for key, group in sorted(other.groups.items())
            if (missing := self.groups.setdefault(key, Group()).fill_unjudged(group))
        }
