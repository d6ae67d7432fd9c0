"""What a run will take, as it is said before anything is asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pytest_domainsafety.types.words import Door


class Ask(Door):
    """What one model or judge will be asked.

    Attributes:
        requests: One a question, where every answer comes at once.
        tokens_in: Of their prompts; `tokens_out` of the answers, expected.
        most_out: Tokens of the answers at most.
        basis: From what tokens are reckoned: earlier runs in the store
            (``history``), or the length of prompts and a usual answer (``prompts``).
        money: By the user's prices; None where he named none.
    """

    requests: int
    tokens_in: int
    tokens_out: int
    most_out: int
    basis: Literal["history", "prompts"]
    money: float | None = None


class Forecast(Door):
    """What a run will take if everything is asked: an upper bound where one may stop.

    Attributes:
        pairs: Scenario pairs, each on each model.
        replies: Requests to the models under test.
        judgements: Requests to judges that are models, the second judge's included.
        canaries: Requests of the judges' own check and of the leak check.
        by_model: Model or judge → its part.
        seconds: From the newest run of the same models and judges; None where there
            is none at this concurrency.
        concurrency: Of that run.
        money: All of it, in `currency`; None without prices.
        stop: The rule by which the run may end early, if it has one.
        expected: With it, requests where no operational reply complies, and where
            every one does; None without a rule.
    """

    schema_version: Literal[1] = Field(default=1, alias="schema")
    pairs: int
    replies: int
    judgements: int
    canaries: int
    requests: int
    tokens_in: int
    tokens_out: int
    most_out: int
    by_model: dict[str, Ask]
    seconds: float | None = None
    concurrency: int | None = None
    money: float | None = None
    currency: str = ""
    stop: str | None = None
    expected: tuple[int, int] | None = None
