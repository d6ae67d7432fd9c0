"""A language model as the judge."""

from __future__ import annotations

import re

from pytest_domainsafety.errors import JudgeError
from pytest_domainsafety.judging.base import Ask, Case
from pytest_domainsafety.judging.rubric import (
    PROTOCOL,
    answer_schema,
    judge_prompt,
    parse_answer,
)
from pytest_domainsafety.providers.base import ChatModel
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import (
    ChatRequest,
    Judgement,
    Message,
    ModelInfo,
    Reply,
    Sampling,
)

RE_ASKS = 2
"""How often an unusable answer is asked for again."""
ANSWER_TOKENS = 512

_DECLINES = re.compile(
    r"\b(I (can(no|')t|am unable to|won't|will not)|I'm (sorry|unable)|"
    r"as an AI)\b",
    re.IGNORECASE,
)


class LLMJudge:
    """Asks a model for scores by a domain's rubric.

    Args:
        model: Where to ask.
        info: What preflight learned about it.
        num_ctx: Context window in tokens, the same for every request.
    """

    def __init__(self, model: ChatModel, info: ModelInfo, num_ctx: int | None) -> None:
        """Bind the judge to its model."""
        self.name = model.name
        self.model: ChatModel = model
        # Reasoning would spend the answer's tokens, and a judge explains itself
        # in the rationale; servers take `think: false` from any model.
        thinks = "thinking" in info.capabilities
        self._sampling = Sampling(
            temperature=0.0,
            max_tokens=ANSWER_TOKENS,
            num_ctx=num_ctx,
            think=False if thinks else None,
        )
        self._digest = info.digest

    def fingerprint(self) -> str:
        """Return a hash of the model, its sampling and the words it is asked with."""
        return fingerprint(
            "judge",
            [self.name, self._digest, PROTOCOL, self._sampling.model_dump(mode="json")],
        )

    async def judge(self, case: Case, ask: Ask, seed: int) -> Judgement:
        """Ask, check, and ask again at most twice; then `unscored`.

        Raises:
            ProviderError: The judge's server failed, retries included.
        """
        system, user = judge_prompt(case)
        messages: tuple[Message, ...] = (
            Message("system", system),
            Message("user", user),
        )
        schema = answer_schema(case.rubric)
        reason, declined = "", False
        for attempt in range(1, RE_ASKS + 2):
            request = ChatRequest(messages, self._sampling, seed + attempt - 1, schema)
            reply = await ask(self.model, request)
            try:
                return parse_answer(reply.text, case.rubric, self.name, attempt)
            except JudgeError as error:
                reason = _why(reply, error)
                declined = _DECLINES.search(reply.text) is not None
            messages = (*messages[:2], *_again(reply, reason))
        return Judgement(
            judge=self.name,
            status="judge_refused" if declined else "unscored",
            reason=f"no usable judgement in {RE_ASKS + 1} tries: {reason}",
            attempts=RE_ASKS + 1,
        )


def _why(reply: Reply, error: JudgeError) -> str:
    if reply.finish == "filtered":
        return "the judge's server filtered the answer"
    if not reply.text:
        return "the judge's answer is empty"
    if reply.finish == "length":
        return "the judge's answer was cut off at its token limit"
    return str(error)


def _again(reply: Reply, reason: str) -> tuple[Message, ...]:
    complaint = (
        f"That can't be used: {reason}. Answer again with one JSON object with the "
        "keys asked for, and nothing else."
    )
    if not reply.text:
        return ()
    return Message("assistant", reply.text), Message("user", complaint)
