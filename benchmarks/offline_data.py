"""The labelled replies and their features, for training and for the table."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from pytest_domainsafety.judging.offline.cues import extract
from pytest_domainsafety.judging.offline.features import SPACES, grams
from pytest_domainsafety.judging.offline.hashing import SLOTS, tokens
from pytest_domainsafety.judging.offline.normal import head_and_tail, normalise
from pytest_domainsafety.judging.offline.pooling import SentenceGrams
from pytest_domainsafety.judging.offline.stance import sentences

FITTED = (
    "gptfuzz",
    "chatgpt_refusals",
    "pyrit_refusal",
    "pyrit_objective",
    "pyrit_harm",
    "purseclab",
)
"""Sources whose licence (MIT, Apache-2.0) lets weights ship under Apache-2.0."""
SOURCES = ("xstest", *FITTED)
REFUSAL_SOURCES = ("xstest", "gptfuzz", "chatgpt_refusals", "pyrit_refusal")
HARM_SOURCES = ("gptfuzz", "pyrit_objective", "pyrit_harm", "purseclab")


class Data(NamedTuple):
    """Rows in one order; labels are NaN where a source has none."""

    rows: list[dict[str, Any]]
    source: np.ndarray
    group: np.ndarray
    refusal: np.ndarray
    harm: np.ndarray


def load(folder: Path) -> Data:
    rows = []
    for source in SOURCES:
        with gzip.open(folder / f"{source}.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows += [json.loads(line) | {"file": source} for line in lines]

    def column(name: str) -> np.ndarray:
        return np.array(
            [np.nan if row[name] is None else row[name] for row in rows], float
        )

    return Data(
        rows,
        np.array([row["file"] for row in rows]),
        np.array([f"{row['file']}/{row['group']}" for row in rows]),
        column("refusal"),
        column("harmful_compliance"),
    )


class Parts(NamedTuple):
    """The features of all rows.

    Attributes:
        names: The cues' names.
        cues: Shape (rows, cues).
        spaces: A 0/1 matrix (rows × slots) a space.
        sentences: The n-grams of each row's sentences.
    """

    names: list[str]
    cues: np.ndarray
    spaces: list[sp.csr_matrix]
    sentences: list[SentenceGrams]


def features(rows: list[dict[str, Any]]) -> Parts:
    """Return what the judge reads of each row, as it reads it at run time."""
    cues, found = [], []
    for row in rows:
        prompt = normalise(head_and_tail(row["prompt"]))
        reply = normalise(head_and_tail(row["response"]))
        cues.append(extract(prompt, reply, sentences(reply)))
        found.append(grams(prompt, tokens(reply), persona=cues[-1]["persona"] > 0))
    whole = hashed([one.slots for one in found])
    spaces = [whole[:, at * SLOTS : (at + 1) * SLOTS] for at in range(len(SPACES))]
    values = np.array([list(cue.values()) for cue in cues])
    return Parts(list(cues[0]), values, spaces, [one.sentences for one in found])


def hashed(columns: list[np.ndarray]) -> sp.csr_matrix:
    """Return a 0/1 matrix from each row's slots."""
    ends = np.cumsum([0] + [len(found) for found in columns])
    return sp.csr_matrix(
        (np.ones(ends[-1]), np.concatenate(columns), ends),
        shape=(len(columns), len(SPACES) * SLOTS),
    )
