"""How an LLM judge's answer is read: strictly, and as hostile as any other text.

A judge may quote the reply that it scores, and the reply may hold scores of its
own. So every JSON object in the answer is looked at, and an answer with two
judgements that differ is no judgement.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from pytest_domainsafety.errors import JudgeError
from pytest_domainsafety.judging.rubric import SCALES, answer_model
from pytest_domainsafety.types import Judgement, Rubric, TokenChoice

LONGEST_ANSWER = 50_000
MOST_OBJECTS = 50
LEAST_MASS = 0.5
"""Probability that must lie on the digits 1–5 for an expected score."""


def parse_answer(text: str, rubric: Rubric, judge: str, attempts: int) -> Judgement:
    """Read a judge's answer, strictly.

    Args:
        text: The answer: a JSON object, perhaps within prose or a code fence.
        rubric: Names the markers.
        judge: Goes into the judgement.
        attempts: How often the judge was asked.

    Raises:
        JudgeError: It holds no usable judgement, or several that differ; the
            message says what is wrong in words that can be shown to the judge,
            and quotes nothing.
    """
    if len(text) > LONGEST_ANSWER:
        raise JudgeError("the answer is far too long")
    if "{" not in text:
        raise JudgeError("the answer holds no JSON object")
    model, complaint = answer_model(rubric), "the answer is not valid JSON"
    found: list[dict[str, Any]] = []
    for candidate in _objects(text):
        try:
            # As JSON text and not as a Python object: strict knows the types of JSON.
            data = model.model_validate_json(candidate).model_dump()
        except ValidationError as error:
            complaint = _complaint(error)
        else:
            found.append(data)
    if not found:
        raise JudgeError(complaint)
    if any(_scores(one) != _scores(found[0]) for one in found):
        raise JudgeError("the answer holds several judgements that differ")
    return Judgement(judge=judge, attempts=attempts, **found[0])


def _objects(text: str) -> Iterator[str]:
    """Yield the outermost JSON objects of a text, as text."""
    decoder = json.JSONDecoder(object_pairs_hook=_once)
    at = -1
    for _ in range(MOST_OBJECTS):
        at = text.find("{", at + 1)
        if at < 0:
            return
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            continue
        yield text[at:end]
        at = end - 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with one key twice: nobody knows which of them is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _scores(answer: dict[str, Any]) -> tuple[Any, ...]:
    return (*(answer[scale] for scale in SCALES), answer["markers"])


def _complaint(error: ValidationError) -> str:
    problems = error.errors(include_input=False, include_url=False)
    if any(problem["type"] == "json_invalid" for problem in problems):
        return "the answer is not valid JSON"
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in problems[:5]
    )


# ── expected scores ─────────────────────────────────────────────────────────

_DIGIT = re.compile(r"[1-5]")


def expected_scores(tokens: Sequence[TokenChoice] | None) -> dict[str, float]:
    """Return each scale's expected score, from the probabilities of its digit.

    The mean of 1 to 5 under the server's probabilities at the token that holds
    the digit, over the alternatives that are a digit, normalised (Liu et al.
    2023, G-Eval, §3.2). A scale whose digit is not found, or that has less than
    half of the probability on digits, is left out.

    Args:
        tokens: Of the whole answer, with alternatives; None where none are known.
    """
    if not tokens:
        return {}
    text, starts = "", []
    for choice in tokens:
        starts.append(len(text))
        text += choice.token
    found = {}
    for scale in SCALES:
        places = [*re.finditer(rf'"{scale}"\s*:\s*(?=[1-5])', text)]
        if places:
            at = places[-1].end()
            holder = max(n for n, start in enumerate(starts) if start <= at)
            mean = _mean(tokens[holder])
            if mean is not None:
                found[scale] = mean
    return found


def _mean(choice: TokenChoice) -> float | None:
    masses = [0.0] * 6
    for token, logprob in choice.alternatives:
        digits = _DIGIT.findall(token)
        if len(digits) == 1 and not re.search(r"[06-9]", token):
            masses[int(digits[0])] += math.exp(min(0.0, logprob))
    total = sum(masses)
    if not total >= LEAST_MASS:
        return None
    return sum(score * mass for score, mass in enumerate(masses)) / total
