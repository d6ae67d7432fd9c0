"""The offline judge: deterministic, no network, no model download.

It reads stance and form, not meaning: see `docs/judging.md` for what it was
measured on and what it gets wrong.
"""

from pytest_domainsafety.judging.offline.judge import OfflineJudge

__all__ = ["OfflineJudge"]
