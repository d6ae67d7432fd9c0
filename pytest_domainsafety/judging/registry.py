"""Judges by name: `offline`, those of other packages, else a model."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.judging.base import Ask, Case, Judge
from pytest_domainsafety.types import WORD_CUES, Judgement

if TYPE_CHECKING:
    from pytest_domainsafety.providers.base import ChatModel

ENTRY_POINTS = "pytest_domainsafety.judges"
OFFLINE_NAMES = (WORD_CUES, "rules")


class OfflineAdapter:
    """The offline judge, behind the door that every judge has."""

    model: ChatModel | None = None

    def __init__(self) -> None:
        """Load the judge and its weights.

        Not at the first judgement: numpy parses Python to read them, which must not
        be while pytest's thread imports (see `session.readiness.prepare_the_end`).
        """
        from pytest_domainsafety.judging.offline import OfflineJudge
        from pytest_domainsafety.judging.offline.model import load

        load()
        self.name = OFFLINE_NAMES[0]
        self._judge = OfflineJudge()

    def fingerprint(self) -> str:
        """Return the hash of its rules and weights."""
        return self._judge.fingerprint()

    async def judge(self, case: Case, ask: Ask, seed: int) -> Judgement:  # noqa: ARG002
        """Score one case; asks nobody."""
        return self._judge.score(
            "\n\n".join(case.turns), case.reply, case.rubric, framing=case.framing
        )


def modelless_judge(name: str) -> Judge | None:
    """Return the judge of this name that needs no model of ours, if there is one.

    Other packages offer judges by the entry point group
    ``pytest_domainsafety.judges``: a callable without arguments that returns a
    :class:`~pytest_domainsafety.judging.base.Judge`.

    Raises:
        ConfigError: The entry point of that name can't be loaded.
    """
    if name in OFFLINE_NAMES:
        return OfflineAdapter()
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        try:
            judge: Judge = entry.load()()
        except Exception as error:  # noqa: BLE001 - somebody else's code
            raise ConfigError(
                f"--safety-judge {name}: the plugin {entry.value} can't be loaded "
                f"({type(error).__name__}: {error})"
            ) from None
        return judge
    return None
