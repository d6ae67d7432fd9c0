"""Which model a server holds: whether to run in phases, and whose turn it is."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.judging.base import Judge
from pytest_domainsafety.providers.base import ChatModel, HoldsModels
from pytest_domainsafety.types import ModelInfo


class Residency:
    """Sees to it that a server changes models once a phase (design §D4.3).

    Args:
        plan: What to run.
        models: All models that are asked, targets and judges, by name.
        infos: What is known of them.
        judges: In the order of their stages.
    """

    def __init__(
        self,
        plan: Plan,
        models: Mapping[str, ChatModel],
        infos: Mapping[str, ModelInfo],
        judges: Sequence[Judge],
    ) -> None:
        """Know of no model that is loaded."""
        self._plan = plan
        self._models = models
        self._infos = infos
        self._judges = judges
        self._turns: Turns | None = None
        self._on_server: str | None = None

    @property
    def takes_turns(self) -> bool:
        """Whether the processes of this run use a server one after the other."""
        return self._turns is not None

    async def splits(self) -> bool:
        """Say whether to run in phases; several processes then take turns."""
        split = await self._must_split()
        if split and self._plan.share > 1:
            endpoints = {
                endpoint for info in self._infos.values() for endpoint in info.endpoints
            }
            if endpoints:
                self._turns = Turns(self._plan.run, " ".join(sorted(endpoints)))
        return split

    async def _must_split(self) -> bool:
        if self._plan.phases != "auto":
            return self._plan.phases == "split"
        local = [info for info in self._infos.values() if info.provider == "ollama"]
        if len({info.digest for info in local}) < 2:
            return False
        # A server that holds them all now need not change models.
        for model in (self._models[info.name] for info in local):
            if not isinstance(model, HoldsModels) or not await model.is_loaded():
                return True
        return False

    def note_judges(self) -> None:
        """Note that the judges were asked, so that the last of them is loaded."""
        asked = [judge.name for judge in self._judges if judge.model is not None]
        self._on_server = asked[-1] if asked else None

    async def change(self, old: str | None, new: str | None) -> None:
        """Get the server ready for another stage's model."""
        model = self._model_of(new)
        if old is not None:
            self.give_back()
        if model is None:
            return
        last = self._on_server
        if self._turns is not None:
            last = await self._turns.take(model.name)
        if last is not None and last != model.name and last in self._models:
            await self._models[last].unload()
        self._on_server = model.name

    def give_back(self) -> None:
        """Let another process of this run have the server."""
        if self._turns is not None:
            self._turns.give_back()

    def _model_of(self, stage: str | None) -> ChatModel | None:
        """Return the model that a stage asks; None for one that asks nobody."""
        kind, _, rest = (stage or "").partition(" ")
        if kind == "target":
            return self._models[rest]
        return self._judges[int(rest)].model if kind == "judge" else None


# A lock file wakes nobody: who waits looks again.
LOOK_AGAIN_S = 0.02
POLITE_S = 0.2
"""How much longer a process waits whose model is not the one on the server."""


class Turns:
    """One process's side of the taking of turns.

    Args:
        run: The run's name, the same in all its processes.
        server: What tells the server from others.
    """

    def __init__(self, run: str, server: str) -> None:
        """Name the files; nothing is locked yet."""
        digest = hashlib.sha256(server.encode()).hexdigest()[:24]
        folder = run_folder(run)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._lock = FileLock(folder / f"{digest}.lock")
        self._last = folder / f"{digest}.model"

    async def take(self, model: str) -> str | None:
        """Wait for the turn.

        Args:
            model: What the server will be asked for.

        Returns:
            The model that was asked for last, by whichever process; None at first.
        """
        waited = 0.0
        while True:
            if self._read() in (None, model) or waited >= POLITE_S:
                try:
                    self._lock.acquire(timeout=0)
                    break
                except Timeout:
                    pass
            await asyncio.sleep(LOOK_AGAIN_S)
            # Others may want what is loaded: only a free server's time counts.
            waited = 0.0 if self._taken() else waited + LOOK_AGAIN_S
        last = self._read()
        self._last.write_text(model, encoding="utf-8")
        return last

    def give_back(self) -> None:
        """Let the next one have the server; safe without having taken a turn."""
        self._lock.release()

    def _read(self) -> str | None:
        try:
            return self._last.read_text(encoding="utf-8") or None
        except FileNotFoundError:
            return None

    def _taken(self) -> bool:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return True
        self._lock.release()
        return False


def clear(run: str) -> None:
    """Remove a run's lock files, once all its processes have ended."""
    shutil.rmtree(run_folder(run), ignore_errors=True)


def run_folder(run: str) -> Path:
    """Return where the processes of a run on this machine keep what they share."""
    # One user's locks are none of another's business, nor in his way.
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir(), f"domainsafety-{user}-{run}")
