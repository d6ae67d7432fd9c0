"""The errors of the house, in one tree.

The branches say who can mend it, not where it was raised::

    DomainSafetyError
    ├── UserError               the person who typed the command
    │   ├── ConfigError         an option or ini value
    │   ├── SourceError         a file that was named to be read
    │   └── SuiteError          a suite file (carries every problem in it)
    ├── ProviderError           the model or its server
    │   ├── ServerUnreachable   nothing answers at the address
    │   ├── ModelNotFound       the server answers, the model is not there
    │   ├── RequestRefused      the server says the request is wrong (4xx)
    │   ├── PromptTooLong       the prompt does not fit the context window
    │   ├── ModelChanged        another model answers than before in this run
    │   ├── BudgetSpent         it was not asked: the run's budget is spent
    │   └── TransientError      may go away: worth another try
    │       ├── RequestTimeout  no (complete) answer in time
    │       ├── ServerBusy      429 or 503, perhaps with a Retry-After
    │       │   └── ServerLoading   503: it loads its model
    │       ├── ServerFault     another 5xx, or an error inside a stream
    │       └── BadAnswer       half a body, HTML, no message
    ├── JudgeError              a judge gave no usable judgement
    ├── EngineEnded             nothing more is asked in this run
    ├── StoreError              the store can't be read or written
    └── RecordError             a record from outside does not hold

Every message is one sentence or two: what happened, where, what to do. None
holds a prompt, a reply or a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import EMFILE, ENFILE

__all__ = [
    "BadAnswer",
    "BudgetSpent",
    "ConfigError",
    "DomainSafetyError",
    "EngineEnded",
    "JudgeError",
    "ModelChanged",
    "ModelNotFound",
    "PromptTooLong",
    "ProviderError",
    "RecordError",
    "RequestRefused",
    "RequestTimeout",
    "ServerBusy",
    "ServerFault",
    "ServerLoading",
    "ServerUnreachable",
    "SourceError",
    "StoreError",
    "SuiteError",
    "SuiteProblem",
    "TransientError",
    "UserError",
]


class DomainSafetyError(Exception):
    """The base: catch this, show its text, and no traceback is needed."""


class UserError(DomainSafetyError):
    """Something that the person at the keyboard can mend."""


class ConfigError(UserError):
    """An option or ini value that can't be used."""


class SourceError(UserError):
    """A file that holds no results, records or store that can be used."""


@dataclass(frozen=True, slots=True)
class SuiteProblem:
    """One thing that is wrong with a suite file.

    Attributes:
        path: The file as the user named it.
        line: 1-based line in it.
        message: What was found and what was expected.
        scenario: The scenario's id where one is concerned.
        field: Dotted path of the field inside the document.
        severity: ``error`` breaks the suite, ``warning`` is a matter of taste.
    """

    path: str
    line: int
    message: str
    scenario: str | None = None
    field: str | None = None
    severity: str = "error"

    def __str__(self) -> str:
        """Return ``file:line: scenario 'x': field: what was expected``."""
        where = f"{self.path}:{self.line}:"
        who = f" scenario {self.scenario!r}:" if self.scenario else ""
        what = f" {self.field}:" if self.field else ""
        return f"{where}{who}{what} {self.message}"


class SuiteError(UserError):
    """A suite file that can't be used, with all that is wrong with it."""

    def __init__(self, problems: list[SuiteProblem]) -> None:
        """Keep the problems, in the order of their lines."""
        self.problems = sorted(problems, key=lambda p: (p.path, p.line))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ProviderError(DomainSafetyError):
    """A model or its server did not give a usable reply.

    Attributes:
        elsewhere: Whether another server of the same model may give one now.
    """

    elsewhere = False


class ServerUnreachable(ProviderError):
    """Nothing answers at the address."""


class ModelNotFound(ProviderError):
    """The server answers, but does not have the model."""


class RequestRefused(ProviderError):
    """The server says that the request itself is wrong (a 4xx answer)."""


class PromptTooLong(ProviderError):
    """The prompt does not fit the model's context window."""


class ModelChanged(ProviderError):
    """A server answers under another model's name than before in this run."""


class BudgetSpent(ProviderError):
    """Nothing was asked: what the run may spend is spent (``--safety-budget``)."""


class TransientError(ProviderError):
    """A fault that may go away: the engine tries again."""


class RequestTimeout(TransientError):
    """No complete answer within the time allowed."""


class ServerBusy(TransientError):
    """The server asks for patience (429, 503).

    Attributes:
        retry_after: Seconds that the server asked to wait, if it said so.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Keep the server's own wish beside the message."""
        super().__init__(message)
        self.retry_after = retry_after


class ServerLoading(ServerBusy):
    """The server answers, and says that it is not ready yet (503 "Loading model")."""


class ServerFault(TransientError):
    """The server failed (5xx other than 503, or an error inside a stream)."""


class BadAnswer(TransientError):
    """An answer came that is not what the protocol promises."""


class JudgeError(DomainSafetyError):
    """A judge gave no usable judgement."""


class EngineEnded(DomainSafetyError):
    """The thread that asks has ended before its time; nothing more is asked."""


class StoreError(DomainSafetyError):
    """The store can't be opened, read or written."""


class RecordError(DomainSafetyError):
    """A record from outside (JSONL, CSV, Parquet) does not hold what it must."""


def is_out_of_files(error: BaseException | None) -> bool:
    """Whether the system has no file or connection left for this process."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {EMFILE, ENFILE}:
            return True
        error = error.__cause__ or error.__context__
    return False


def refused_by_system(error: Exception) -> str:
    """Return why the system refused something, as the end of a sentence."""
    if is_out_of_files(error):
        return (
            "too many files and connections are open; allow more of them (ulimit -n), "
            "or ask less at once (--safety-concurrency)"
        )
    return type(error).__name__
