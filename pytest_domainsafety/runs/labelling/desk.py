"""What a person is shown of a sample, and their labels kept one by one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.judging.base import joined
from pytest_domainsafety.judging.rubric import SCALES, scales_of
from pytest_domainsafety.runs.labelling.annotators import (
    Annotator,
    Label,
    agreement_of,
    read_annotator,
    write_annotator,
)
from pytest_domainsafety.runs.labelling.sample import Sample, read_sample
from pytest_domainsafety.runs.labels import has_its_reply, label_id
from pytest_domainsafety.store import Exchange, Store
from pytest_domainsafety.text import visible
from pytest_domainsafety.types import Suite

_LEVELS = range(1, 6)
LONGEST_NOTE = 2_000
"""Characters of a note that are kept."""


class NotALabelError(Exception):
    """What came from the page is no label; says why."""


@dataclass
class Desk:
    """A sample, its texts, and those who label it.

    Attributes:
        replies: Id → what is shown of it, in the sample's order; neither the model nor
            what a judge said is among it.
        people: By name.
    """

    folder: Path
    sample: Sample
    replies: Mapping[str, Mapping[str, Any]]
    people: dict[str, Annotator]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self) -> dict[str, Any]:
        """Return who labels and how far they are."""
        of = len(self.replies)
        people = [
            {"name": person.name, "done": len(person.labels), "of": of}
            for person in self.people.values()
        ]
        return {"people": people, "ids": list(self.replies)}

    def labels_of(self, name: str) -> dict[str, Any]:
        """Return one person's labels.

        Raises:
            NotALabelError: Nobody of that name labels here.
        """
        labels = self._person(name).labels
        return {
            key: label.scores | {"note": label.note} for key, label in labels.items()
        }

    def reply(self, key: str) -> Mapping[str, Any]:
        """Return what is shown of one reply.

        Raises:
            NotALabelError: There is none.
        """
        if key not in self.replies:
            raise NotALabelError("there is no such reply in the sample")
        return self.replies[key]

    def label(self, name: str, key: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Keep one label; a guidance of None says that the person can't tell.

        Raises:
            NotALabelError: The person, the reply or a score is none.
            ConfigError: It can't be written.
        SourceError: Their file can't be read any more.
        """
        with self._lock:
            self._person(name)
            self.reply(key)
            scores = {scale: given.get(scale) for scale in SCALES}
            for scale, score in scores.items():
                known = score is None or (type(score) is int and 1 <= score <= 5)
                if not known:
                    raise NotALabelError(
                        f"{scale}: expected a whole number from 1 to 5"
                    )
            note = given.get("note", "")
            if not isinstance(note, str):
                raise NotALabelError("note: expected text")
            label = Label(scores, visible(note)[:LONGEST_NOTE])
            # Read anew: another server may have kept labels of the same person. On disk
            # first: what could not be kept is not said to be.
            there = read_annotator(self.folder, name, self.sample)
            kept = Annotator(name, there.labels | {key: label})
            write_annotator(self.folder, kept)
            self.people[name] = kept
            return self.state()

    def agreement(self, name: str) -> list[dict[str, Any]]:
        """Return how far a person who is through agrees with others who are.

        Raises:
            NotALabelError: They are not through: what others say would sway them.
        """
        person, of = self._person(name), len(self.replies)
        if len(person.labels) < of:
            raise NotALabelError("label all replies first")
        told = []
        for other in self.people.values():
            if other.name != name and len(other.labels) == of:
                found = agreement_of(person, other, self.sample)
                if found is not None:
                    told.append(
                        {
                            "with": other.name,
                            "replies": found.n,
                            "agree": found.binary_agreement,
                            "kappa": found.kappa,
                            "limits": found.kappa_ci,
                        }
                    )
        return told

    def _person(self, name: str) -> Annotator:
        if name not in self.people:
            raise NotALabelError("nobody of that name labels here")
        return self.people[name]


def open_desk(
    folder: Path, names: Sequence[str], store: Path, suites: Mapping[str, Suite]
) -> Desk:
    """Read a sample's texts out of the store, and the labels that there are.

    Args:
        folder: Of labels.
        names: Of those who label; see :func:`check_names`.
        store: With the run that was sampled.
        suites: By domain, for the rubrics.

    Raises:
        SourceError: The sample or a file can't be read, a reply is not in the store,
            a domain has no suite, or labels are of other replies.
        StoreError: The store can't be read, or has no such run.
    """
    sample = read_sample(folder)
    wanted = {drawn.id for drawn in sample.replies}
    found: dict[str, dict[str, Any]] = {}
    with Store(store, read_only=True) as opened:
        for exchange in opened.exchanges(sample.run):
            key = label_id(exchange.record)
            if key in wanted and has_its_reply(exchange):
                found[key] = _shown(exchange, suites)
    missing = len(wanted - found.keys())
    if missing:
        raise SourceError(
            f"{store}: {missing} of {len(wanted)} replies of the sample in {folder} "
            "are not in this store, or a later run put others in their place; name "
            "the store that it was drawn from with --source, or draw anew"
        )
    people = {name: read_annotator(folder, name, sample) for name in names}
    for person in people.values():
        if person.strange:
            raise SourceError(
                f"{folder / person.name}.csv: {len(person.strange)} of its labels are "
                "of replies that are not in the sample; take them out, or name another "
                "annotator"
            )
    replies = {drawn.id: found[drawn.id] for drawn in sample.replies}
    return Desk(folder, sample, replies, people)


def _shown(exchange: Exchange, suites: Mapping[str, Suite]) -> dict[str, Any]:
    domain = exchange.record.domain
    suite = suites.get(domain)
    if suite is None:
        raise SourceError(
            f"there is no suite of the domain {domain!r}, whose rubric the labellers "
            "need: name its file or folder with --suite"
        )
    return {
        "domain": visible(suite.title),
        "asked": [visible(turn) for turn in exchange.prompt],
        "reply": visible(joined(exchange.replies)),
        "scales": {
            scale: {
                "question": visible(question),
                "levels": [visible(level) for level in levels],
            }
            for scale, (question, levels) in scales_of(suite.rubric).items()
        },
    }
