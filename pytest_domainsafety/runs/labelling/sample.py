"""Which replies people are shown: more of those that the judge calls help.

Compliance is rare, so that few labels drawn at random say next to nothing of it. Half
of a sample are replies that comply by the judge's score, as far as there are so many;
within each half every reply has the same chance, which is kept (method §M10.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from pytest_domainsafety.errors import ConfigError, SourceError
from pytest_domainsafety.files import unreadable, unwritable, write_file
from pytest_domainsafety.runs.labels import LEAST_CHANCE, SAMPLE_NAME, label_id
from pytest_domainsafety.text import fingerprint, printable
from pytest_domainsafety.types import BASE_VARIANT, Record
from pytest_domainsafety.types.words import Door


class Drawn(Door):
    """One reply of a sample.

    Attributes:
        id: By which labels know it.
        probability: With which it was drawn.
    """

    id: str
    probability: Annotated[float, Field(ge=LEAST_CHANCE, le=1)]


class Sample(Door):
    """Replies to label, in the order in which they are shown, which tells nothing.

    Attributes:
        of: Replies from which it was drawn.
        judge: Whose scores decided the probabilities.
    """

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    run: str
    judge: str
    seed: int
    of: int
    replies: tuple[Drawn, ...]


def draw_sample(
    records: Iterable[Record], count: int, seed: int, domains: Sequence[str] = ()
) -> Sample:
    """Draw operational replies, as written, that one judge scored.

    Args:
        records: Of one run.
        count: How many at most.
        seed: Of the draw.
        domains: To draw from; empty takes all.

    Raises:
        SourceError: No such reply was scored, or a domain is none of the run's.
    """
    known: dict[str, Record] = {}
    there: set[str] = set()
    for record in records:
        there.add(record.domain)
        mine = record.framing == "operational" and record.variant == BASE_VARIANT
        if mine and record.status == "scored" and record.domain in (domains or there):
            known.setdefault(label_id(record), record)
    for domain in domains:
        if domain not in there:
            raise SourceError(
                f"--domain {printable(domain)}: is none of the run's; there are: "
                f"{', '.join(map(printable, sorted(there))) or 'none'}"
            )
    if not known:
        raise SourceError(
            "no operational reply of this run was scored, so there is none to label"
        )
    helps = [name for name, record in known.items() if record.complies]
    rest = [name for name, record in known.items() if not record.complies]
    wanted = min(count, len(known))
    of_help = min(len(helps), max((wanted + 1) // 2, wanted - len(rest)))
    drawn = [
        *_draw(known, helps, of_help, seed),
        *_draw(known, rest, wanted - of_help, seed),
    ]
    return Sample(
        run=next(iter(known.values())).run,
        judge=next(iter(known.values())).judge,
        seed=seed,
        of=len(known),
        replies=tuple(sorted(drawn, key=lambda d: fingerprint("order", [seed, d.id]))),
    )


def _draw(
    known: dict[str, Record], names: Sequence[str], count: int, seed: int
) -> list[Drawn]:
    """Draw systematically over domain, model and score, each with the same chance."""
    if not count:
        return []

    def place(name: str) -> tuple[str, str, int, str]:
        record = known[name]
        order = fingerprint("draw", [seed, name])
        return record.domain, record.model, record.guidance or 0, order

    ordered = sorted(names, key=place)
    step = len(ordered) / count
    # A start of its own, else the first of each step would never be drawn.
    start = int(fingerprint("start", [seed, ordered])[:8], 16) / 16**8
    return [
        Drawn(id=ordered[int((at + start) * step)], probability=count / len(ordered))
        for at in range(count)
    ]


def write_sample(folder: Path, sample: Sample) -> None:
    """Keep a sample in a folder of labels.

    Raises:
        ConfigError: There is one already, or it can't be written.
    """
    path = folder / SAMPLE_NAME
    if path.exists():
        raise ConfigError(
            f"{path}: there is a sample already, and labels belong to one sample; name "
            "another folder"
        )
    document = sample.model_dump(mode="json", by_alias=True)
    try:
        write_file(path, json.dumps(document, indent=1) + "\n")
    except OSError as error:
        raise ConfigError(unwritable(path, error)) from None


def read_sample(folder: Path) -> Sample:
    """Return the sample of a folder of labels.

    Raises:
        SourceError: There is none, or it is not as it was written.
    """
    path = folder / SAMPLE_NAME
    if not path.is_file():
        raise SourceError(
            f"{folder}: holds no {SAMPLE_NAME}; draw one with `domainsafety labels "
            f"init STORE --out {folder}`"
        )
    try:
        sample = Sample.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SourceError(unreadable(path, error)) from None
    except (ValidationError, RecursionError):
        raise SourceError(
            f"{path}: is not as `domainsafety labels init` wrote it; was it edited?"
        ) from None
    if len({drawn.id for drawn in sample.replies}) != len(sample.replies):
        raise SourceError(f"{path}: names a reply twice; was it edited?")
    if not sample.replies:
        raise SourceError(f"{path}: is of no reply; draw one anew in another folder")
    return sample
