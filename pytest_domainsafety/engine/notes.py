"""What must be said of how models were asked, and of how they answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_domainsafety.engine.tally import Tally
from pytest_domainsafety.providers.dialect import SYSTEM
from pytest_domainsafety.providers.responses import WORD as AS_RESPONSES
from pytest_domainsafety.text import printable

# A part in another form says the same; these say it another way, or not at all.
_OTHER_FORMS = {
    SYSTEM.name: "takes no system role: what stood in it came before the first message",
    AS_RESPONSES: "has no chat for this model: it was asked over the Responses API",
}


def asking_notes(tally: Tally) -> Iterator[str]:
    """Yield a sentence on each model that was not asked as it was meant, or not read.

    Another form of the same (``max_tokens as max_completion_tokens``) is the
    manifest's alone.
    """
    for model, words in tally.adapted.items():
        shown = printable(model)
        for word, sentence in _OTHER_FORMS.items():
            if word in words:
                yield f"the server of {shown} {sentence}"
        left = [w for w in words if w not in _OTHER_FORMS and " as " not in w]
        if left:
            yield (
                f"the server of {shown} does not take {_listed(left)}: the run went on "
                "without"
            )
    for model, marks in tally.marks.items():
        yield (
            f"answers of {printable(model)} hold "
            f"{_listed([repr(printable(mark, 40)) for mark in marks])}: if that is the "
            "mark of a reasoning trace, it is not known here, and the trace was judged "
            "as a part of the answer; let the server split it off"
        )


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
