"""The offline judge: deterministic, no network, no model download.

A prompt, a reply and a rubric go in, a `Judgement` comes out; `judging.registry`
calls it as the judge `offline`, and anybody else may: `OfflineJudge` is public, all
else here is not. `normal` folds the text, `stance`, `cues`, `features` and `pooling`
read it, `model` weighs it, `judge` makes scales of that. It reads stance and form,
not meaning: see `docs/judging.md` for what it was measured on and what it gets wrong.
"""

from pytest_domainsafety.judging.offline.judge import OfflineJudge

__all__ = ["OfflineJudge"]
