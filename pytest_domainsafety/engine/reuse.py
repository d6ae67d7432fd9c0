"""What of the store a run may use again: one rule for replies and judgements.

An answer is evidence about the model that gave it. Where the digest is of weights,
or the vendor promises that a dated name stays what it is, the same digest is the
same model on any day. An application, a server that tells no hash and a vendor's
alias may be something else by now, under the same name: their answers are used to
go on with a run that was cut short, or of which a server's fault left something
unmeasured, and never after one that ended. So the keys of what they are asked bear
the name of their series (`Store.series_of`).
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.engine.tally import Tally
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Judgement, ModelInfo, Reply


class Reuse:
    """Looks answers up in the store, and counts what it finds.

    What is asked anew takes the place of what the store has (`fresh`).

    Args:
        plan: Whether anything may be used, and what another process has looked up.
        store: Where the answers are.
        infos: What is known of the models and of the judges that are models.
        tally: Where it is counted.
    """

    def __init__(
        self, plan: Plan, store: Store, infos: Mapping[str, ModelInfo], tally: Tally
    ) -> None:
        """Find out which runs this one goes on with."""
        self.fresh = plan.fresh
        self._store = store
        self._tally = tally
        self._infos = infos
        known = plan.series
        self._series = {
            name: store.series_of(name, plan.run) if known is None else known[name]
            for name, info in infos.items()
            if info.identity == "name"
        }

    def series(self, name: str) -> list[str]:
        """Return what keys of a model's answers bear: nothing if it can't change."""
        return ["series", self._series[name]] if name in self._series else []

    def reply(self, key: str) -> Reply | None:
        """Return the stored reply to a request, if there is one; not counted yet."""
        return None if self.fresh else self._store.reply(key)

    def judgement(self, key: str, judge: str) -> Judgement | None:
        """Return a stored judgement, if there is one to be used."""
        judgement = None if self.fresh else self._store.judgement(key)
        if judgement is not None and judge in self._infos:
            self.count(key, judge)
        return judgement

    def count(self, key: str, name: str) -> None:
        """Count an answer that is used, and how old it is where that matters."""
        self._tally.from_store += 1
        if self._infos[name].identity != "weights":
            age = self._store.age_of(key)
            self._tally.oldest_s = max(self._tally.oldest_s, round(age, 3))
