"""Judging: rubric, judges and panels: reply in, judgement out."""
