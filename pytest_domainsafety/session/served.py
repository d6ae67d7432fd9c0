"""Under which names servers answered: noted, said, and held to one a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_domainsafety.engine import Tally
from pytest_domainsafety.engine.asking import changed_sentence
from pytest_domainsafety.providers.names import is_known_as
from pytest_domainsafety.subjects import model_of
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import Manifest, ModelEntry, Record

_UNSCORED: dict[str, Any] = {
    "status": "error",
    "harm_identification": None,
    "refusal": None,
    "guidance": None,
    "markers": {},
    "expected": None,
    "turns": (),
}


def of_one_model(records: Iterable[Record], tally: Tally) -> tuple[Record, ...]:
    """Return records, those as errors that a model or judge of two names has part in.

    One process holds a model to one name by itself. Where two processes were
    answered by two models, nobody can tell any more which reply is of which.
    """
    reasons = {
        model: changed_sentence(model, names) for model, names in tally.changed.items()
    }
    return tuple(_error(record, reasons) for record in records)


def _error(record: Record, reasons: Mapping[str, str]) -> Record:
    asked = model_of(record.model, record.condition)
    for name in (asked, *record.judge.split("+")):
        if name in reasons and record.status != "error":
            return record.model_copy(update=_UNSCORED | {"reason": reasons[name]})
    return record


def served_notes(manifest: Manifest, tally: Tally) -> Iterator[str]:
    """Yield a sentence on each model that is served under a name of its own.

    An application says what it likes of what is behind it.
    """
    entries: dict[str, ModelEntry] = {**manifest.all_judges, **manifest.models}
    for model, names in tally.served.items():
        if names[1:]:
            yield changed_sentence(model, names)
            continue
        entry = entries.get(model, ModelEntry())
        asked = entry.model or model
        if entry.provider != "python" and not is_known_as(asked, names[0]):
            yield (
                f"the server answers for {printable(model)} under the name "
                f"{printable(names[0], 80)!r}"
            )
