"""Judging: a case goes in (turns, reply, framing, rubric), a judgement comes out.

The engine calls it during a run, and `runs.rejudge` on stored replies; `registry` makes
judges by name, `llm` is one that is a model, `panel` several, `offline` one by word
cues, `canaries` checks them. From outside: `judging.base`, for a judge of one's own,
and `judging.offline.OfflineJudge`.
"""
