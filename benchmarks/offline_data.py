"""The labelled replies and their features, for training and for the table."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from pytest_domainsafety.judging.offline.cues import extract
from pytest_domainsafety.judging.offline.features import SLOTS, slots
from pytest_domainsafety.judging.offline.normal import normalise, window
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


def features(rows: list[dict[str, Any]]) -> tuple[list[str], np.ndarray, list[Any]]:
    """Return the cues' names, the cues (rows × cues), a 0/1 matrix a space."""
    cues, hashed = [], []
    for row in rows:
        prompt = normalise(window(row["prompt"]))
        reply = normalise(window(row["response"]))
        cues.append(extract(prompt, reply, sentences(reply)))
        hashed.append(slots(prompt, reply))
    matrices = []
    for space in range(len(hashed[0])):
        columns = [found[space] for found in hashed]
        ends = np.cumsum([0] + [len(found) for found in columns])
        matrices.append(
            sp.csr_matrix(
                (np.ones(ends[-1]), np.concatenate(columns), ends),
                shape=(len(rows), SLOTS),
            )
        )
    return list(cues[0]), np.array([list(cue.values()) for cue in cues]), matrices
