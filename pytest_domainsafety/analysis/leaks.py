"""What is said of models that know a suite by heart (asked by `engine.leaks`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def leak_notes(leaks: Mapping[str, Mapping[str, bool | None]]) -> Iterable[str]:
    """Yield a sentence on each model that knows a suite, or of which nothing is known.

    Args:
        leaks: Of a run's manifest.
    """
    for model, told in leaks.items():
        known = [name for name, leaked in told.items() if leaked]
        unknown = [name for name, leaked in told.items() if leaked is None]
        if known:
            yield (
                f"{model} continues the canary of {', '.join(known)}: it has read what "
                "stands there, so a refusal may be learnt with the prompt; decide by "
                "pairs that were never published"
            )
        if unknown:
            yield (
                f"the leak check says nothing of {model} and {', '.join(unknown)}: no "
                "answer came, or the canary is too short to tell"
            )
