"""Who labelled what, how far two of them agree, and the labels that come of it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from pytest_domainsafety.errors import ConfigError, SourceError
from pytest_domainsafety.files import unwritable, write_file
from pytest_domainsafety.judging.panel import combine
from pytest_domainsafety.judging.rubric import SCALES
from pytest_domainsafety.reporting.escape import cell
from pytest_domainsafety.runs.labelling.sample import Sample, read_sample
from pytest_domainsafety.runs.labels import (
    DRAWN,
    LABELS_NAME,
    Scores,
    read_score,
    rows_of_labels,
)
from pytest_domainsafety.stats.rater_agreement import Agreement, agreement
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import COMPLIES_AT, Judgement, contradicts_itself

UNSURE = "?"
"""As guidance: a person has read the reply and can't tell."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_OURS = {"labels", "sample"}
_COLUMNS = ("id", *SCALES, "note")


class Label(NamedTuple):
    """What one person says of one reply; no guidance says that they can't tell."""

    scores: Scores
    note: str = ""

    @property
    def helps(self) -> bool | None:
        """Whether the reply complies; None where they can't tell."""
        guidance = self.scores["guidance"]
        return None if guidance is None else guidance >= COMPLIES_AT


@dataclass(frozen=True, slots=True)
class Annotator:
    """One person's labels.

    Attributes:
        labels: Id → label, of replies of the sample.
        strange: Ids that are none of the sample's.
    """

    name: str
    labels: dict[str, Label] = field(default_factory=dict)
    strange: tuple[str, ...] = ()


def check_names(names: Iterable[str]) -> None:
    """See that names can be files' names, and that no two are one.

    Raises:
        ConfigError: Names the first that can't be used.
    """
    seen: set[str] = set()
    for name in names:
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise ConfigError(
                f"--annotator {printable(name, 40)}: expected a name of letters, "
                "digits, dots, - and _, at most 32, and neither labels nor sample"
            )
        # Some file systems hold Anna.csv and anna.csv for one file.
        if name.lower() in seen:
            raise ConfigError(
                f"--annotator {name}: two annotators have this name, and would write "
                "over each other's labels; give each a name of their own"
            )
        seen.add(name.lower())


def annotators_of(folder: Path) -> list[str]:
    """Return whose labels are in a folder, by name.

    Raises:
        ConfigError: Two have one name.
    """
    files = sorted(folder.glob("*.csv"))
    names = [path.stem for path in files if path.stem.lower() not in _OURS]
    check_names(names)
    return names


def read_annotator(folder: Path, name: str, sample: Sample) -> Annotator:
    """Return one person's labels, none where there is no file yet.

    Raises:
        SourceError: The file can't be read, or labels a reply twice.
    """
    path = folder / f"{name}.csv"
    if not path.exists():
        return Annotator(name)
    drawn = {reply.id for reply in sample.replies}
    labels: dict[str, Label] = {}
    strange: list[str] = []
    for line, row in rows_of_labels(path):
        key, note = (row["id"] or "").strip(), row.get("note") or ""
        unsure = (row["guidance"] or "").strip() == UNSURE
        shown = dict(row) | ({"guidance": ""} if unsure else {})
        scores = {scale: read_score(path, line, shown, scale) for scale in SCALES}
        if not key or (scores["guidance"] is None and not unsure):
            continue
        if key in labels:
            raise SourceError(f"{path}:{line}: {printable(key)} is labelled twice")
        if key in drawn:
            labels[key] = Label(scores, note)
        else:
            strange.append(key)
    return Annotator(name, labels, tuple(strange))


def write_annotator(folder: Path, annotator: Annotator) -> None:
    """Keep one person's labels, whole or not at all.

    Raises:
        ConfigError: The file can't be written.
    """
    rows = []
    for key, label in annotator.labels.items():
        row: dict[str, Any] = {"id": key, "note": cell(label.note), **label.scores}
        if label.helps is None:
            row["guidance"] = UNSURE
        rows.append(row)
    _write_rows(folder / f"{annotator.name}.csv", _COLUMNS, rows)


def _write_rows(
    path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    try:
        write_file(path, text.getvalue())
    except OSError as error:
        raise ConfigError(unwritable(path, error)) from None


# ── what they come to ───────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Checked:
    """A folder of labels as it stands.

    Attributes:
        annotators: By name.
        agreements: Two names → how far they agree, where they have replies in common.
        disputed: Replies on whose compliance two of them disagree.
    """

    sample: Sample
    annotators: tuple[Annotator, ...]
    agreements: dict[tuple[str, str], Agreement]
    disputed: tuple[str, ...]

    def open_of(self, annotator: Annotator) -> int:
        """Return how many replies one of them has not labelled yet."""
        return len(self.sample.replies) - len(annotator.labels)

    def contradictory(self, annotator: Annotator) -> int:
        """Return of how many replies one says that they decline and help."""
        return sum(
            contradicts_itself(label.scores["refusal"], label.scores["guidance"])
            for label in annotator.labels.values()
        )


def check_folder(folder: Path) -> Checked:
    """Read all that is in a folder of labels.

    Raises:
        SourceError: There is no sample, or a file can't be read.
        ConfigError: Two annotators have one name.
    """
    sample = read_sample(folder)
    people = tuple(
        read_annotator(folder, name, sample) for name in annotators_of(folder)
    )
    agreements = {}
    disputed: set[str] = set()
    for one, other in combinations(people, 2):
        told = agreement_of(one, other, sample)
        if told is not None:
            agreements[one.name, other.name] = told
        disputed |= {
            key
            for key, label in one.labels.items()
            if key in other.labels
            and None not in (label.helps, other.labels[key].helps)
            and label.helps is not other.labels[key].helps
        }
    order = tuple(drawn.id for drawn in sample.replies if drawn.id in disputed)
    return Checked(sample, people, agreements, order)


def agreement_of(one: Annotator, other: Annotator, sample: Sample) -> Agreement | None:
    """Return how far two people agree, each reply taken for a cluster of its own."""
    rows = [
        (first, second)
        for drawn in sample.replies
        for first, second in [
            (
                one.labels.get(drawn.id, _NONE).scores["guidance"],
                other.labels.get(drawn.id, _NONE).scores["guidance"],
            )
        ]
        if first is not None and second is not None
    ]
    if not rows:
        return None
    firsts, seconds = zip(*rows, strict=True)
    return agreement(firsts, seconds)


_NONE = Label(dict.fromkeys(SCALES))


def use_labels(
    folder: Path, checked: Checked, names: Sequence[str] = (), *, so_far: bool = False
) -> tuple[Path, int]:
    """Write the labels that gates take, of one annotator or of several together.

    Several are taken together as a panel of judges is: the careful way where they
    disagree, and no label where half of them can't tell. Such a reply counts as help.

    Args:
        folder: Of labels.
        checked: What is in it.
        names: Whose labels; empty takes everybody's.
        so_far: Whether to take the replies up to the last one that all have reached.
            They were shown in an order by chance, so these are a sample too.

    Returns:
        The file, and how many of its replies have no label.

    Raises:
        SourceError: Nobody has labelled anything, one of them is not there or has
            not labelled all.
    """
    people = _chosen(folder, checked, names)
    replies = checked.sample.replies
    for person in people:
        if person.strange:
            raise SourceError(
                f"{folder / person.name}.csv: {len(person.strange)} of its labels are "
                f"of replies that are not in the sample, as "
                f"{printable(person.strange[0], 40)}: are they labels of another run?"
            )
        missing = checked.open_of(person)
        if missing and not so_far:
            raise SourceError(
                f"{folder}: {missing} of {len(replies)} replies have no label by "
                f"{person.name} yet; label them, or say --so-far to use those up to "
                "the last labelled one"
            )
    if so_far:
        reached = [
            max(at for at, drawn in enumerate(replies, 1) if drawn.id in person.labels)
            for person in people
        ]
        replies = replies[: min(reached)]
    share = len(replies) / len(checked.sample.replies)
    rows = []
    for drawn in replies:
        told = combine([_judgement(person, drawn.id) for person in people])
        row: dict[str, Any] = {
            "id": drawn.id,
            "probability": drawn.probability * share,
            "drawn": len(replies),
        }
        if told.status == "scored":
            row |= {scale: getattr(told, scale) for scale in SCALES}
        rows.append(row)
    path = folder / LABELS_NAME
    if all(row.get("guidance") is None for row in rows):
        raise SourceError(f"{folder}: no reply has a label that can be used")
    _write_rows(path, ("id", *DRAWN, *SCALES), rows)
    return path, sum("guidance" not in row for row in rows)


def _chosen(
    folder: Path, checked: Checked, names: Sequence[str]
) -> tuple[Annotator, ...]:
    # Those whose labels are all of other replies are there too, to be named.
    there = {
        person.name: person
        for person in checked.annotators
        if person.labels or person.strange
    }
    for name in names:
        if name not in there:
            raise SourceError(
                f"{folder}: no labels by {printable(name, 40)}; there are: "
                f"{', '.join(there) or 'none'}"
            )
    if not there:
        raise SourceError(
            f"{folder}: nobody has labelled a reply yet; begin with `domainsafety "
            f"labels serve {folder} --annotator NAME`"
        )
    return tuple(there[name] for name in dict.fromkeys(names or there))


def _judgement(person: Annotator, key: str) -> Judgement:
    """Return a label as the panel's rule takes it."""
    label = person.labels.get(key, _NONE)
    if label.helps is None:
        return Judgement(judge=person.name, status="unscored", reason="no label")
    return Judgement(judge=person.name, **label.scores)
