"""Weights for sentences: naive Bayes over the sentences of labelled replies.

A sentence inherits its reply's label. That is wrong for many, but over all
replies the n-grams of declining sentences stand out. A reply that is fitted on
gets its cues from weights that never saw its group, so that the linear model
above learns how far to trust them.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
import scipy.sparse as sp
from offline_data import SLOTS, Data, Parts

from pytest_domainsafety.judging.offline.model import SENTENCE_STEP
from pytest_domainsafety.judging.offline.pooling import POOLS, pool

INNER = 10
LIMIT = 127 * SENTENCE_STEP
RARE = 4
"""An n-gram in fewer sentences has no weight."""


def counts(parts: Parts) -> sp.csr_matrix:
    """Return how often each row's sentences hold each slot (rows × slots)."""
    ends = np.cumsum([0] + [len(one.slots) for one in parts.sentences])
    columns = np.concatenate([one.slots for one in parts.sentences])
    shape = (len(parts.sentences), SLOTS)
    return sp.csr_matrix((np.ones(ends[-1]), columns, ends), shape=shape)


def table(found: sp.csr_matrix, labels, weight, rows) -> np.ndarray:
    """Return a quantised log-odds a slot from some rows (shape: slots)."""
    held = found[rows]
    yes = held.T @ (weight[rows] * (labels[rows] == 1))
    no = held.T @ (weight[rows] * (labels[rows] == 0))
    odds = np.log((yes + 1) / (yes.sum() + 1000)) - np.log((no + 1) / (no.sum() + 1000))
    odds[np.asarray(held.sum(0)).ravel() < RARE] = 0
    steps = np.round(np.clip(odds, -LIMIT, LIMIT) / SENTENCE_STEP)
    return steps * SENTENCE_STEP


def pools(parts: Parts, found, labels, weight, data: Data, rows):
    """Return all rows' pooled cues and the table that new replies are read with.

    Args:
        parts: The features of all rows.
        found: From `counts`.
        labels: 0 or 1 a row.
        weight: Of each row.
        data: For the groups.
        rows: Which rows may be fitted (boolean).
    """
    size = np.sqrt([max(len(one.sizes), 1) for one in parts.sentences])
    inner = np.array([crc32(group.encode()) % INNER for group in data.group])
    whole = table(found, labels, weight / size, rows)
    values = np.zeros((len(labels), len(POOLS)))
    for fold in range(INNER):
        mine = rows & (inner == fold)
        if not mine.any():
            continue
        kept = table(found, labels, weight / size, rows & (inner != fold))
        for at in np.flatnonzero(mine):
            values[at] = pool(parts.sentences[at], kept[parts.sentences[at].slots])
    for at in np.flatnonzero(~rows):
        values[at] = pool(parts.sentences[at], whole[parts.sentences[at].slots])
    return values, whole
