"""What is asked of a model and what comes back."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import Field

from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types.words import Door, Finish, Identity


class Message(NamedTuple):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(Door):
    """How a model is asked to sample: part of what makes two requests equal.

    Attributes:
        temperature: As the server understands it; 0 is greedy.
        max_tokens: New tokens at most, reasoning included.
        num_ctx: Context window in tokens, the same for each request to one
            model over a whole run (another value makes Ollama reload it);
            None leaves it to the server.
        think: Whether a reasoning model reasons; None leaves it to the server.
    """

    temperature: float = Field(default=0.7, ge=0)
    max_tokens: int = Field(default=2048, ge=1)
    num_ctx: int | None = Field(default=None, ge=1)
    think: bool | None = None


class ChatRequest(NamedTuple):
    """One request to one model.

    Attributes:
        messages: The conversation so far; the last one is the user's.
        sampling: See :class:`Sampling`.
        seed: The sampling seed, derived for each request.
        response_schema: A JSON Schema that the server shall hold the answer to.
        logprobs: How many alternatives a token to ask for; 0 for none.
        shared: Whether many requests begin with this very system message: a server
            that keeps only what it is told to keep is told so. It changes no answer,
            and is no part of what makes two requests equal.
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    seed: int
    response_schema: dict[str, Any] | None = None
    logprobs: int = 0
    shared: bool = False


class TokenChoice(NamedTuple):
    """One generated token with the alternatives that the server reports."""

    token: str
    alternatives: tuple[tuple[str, float], ...]  # (token, log probability)


class Reply(Door):
    """What a model answered, cleaned at the provider's door.

    Attributes:
        text: The answer, without any reasoning trace.
        reasoning: The trace, from the text or from the server's own field.
        finish: Why generation ended; what that makes of the reply says
            :func:`pytest_domainsafety.providers.base.reply_kind`.
        finish_word: The server's own word for it, where it had one.
        tokens_in: Prompt tokens as the server counted them, those from its cache
            included.
        tokens_cached: Those of them that it had read before; None where it does not
            say, or says what can't be.
        tokens_out: Generated tokens, reasoning included.
        latency_s: Seconds from request to complete answer.
        load_s: Seconds of those that the server spent loading the model.
        model: The model's name in the answer.
        cleaned: Whether unsafe characters were replaced (`text.clean`).
        logprobs: Token alternatives where asked for and given.
        adapted: What of the request its server would not take as it was meant: parts
            that were left out, and ``PART as FORM``.
        text_hash: The answer's fingerprint where its text was not kept
            (``--safety-store-text hash``).
    """

    text: str
    reasoning: str = ""
    finish: Finish = "stop"
    finish_word: str = ""
    tokens_in: int | None = None
    tokens_cached: int | None = None
    tokens_out: int | None = None
    latency_s: float = 0.0
    load_s: float = 0.0
    model: str = ""
    cleaned: bool = False
    logprobs: tuple[TokenChoice, ...] | None = None
    adapted: tuple[str, ...] = ()
    text_hash: str | None = None

    def hash(self) -> str:
        """Return the fingerprint of the answer's text."""
        return self.text_hash or fingerprint("reply", self.text)

    def without_text(self) -> Reply:
        """Return the reply as hashes and numbers alone."""
        if not self.text and not self.reasoning:
            return self
        gone = {"text": "", "reasoning": "", "logprobs": None}
        return self.model_copy(update={**gone, "text_hash": self.hash()})


class ModelInfo(Door):
    """What preflight learned about a model; goes to the run's manifest.

    Attributes:
        name: The model as the user typed it.
        provider: The registered provider that serves it.
        model: The name that the provider uses.
        digest: Content hash of the weights, or the best stand-in there is.
        family: Model family (``llama``, ``gemma3`` …) where known.
        quantisation: For example ``Q4_K_M``.
        parameters: For example ``135M``.
        context_length: Tokens that the model was trained for.
        template_hash: Fingerprint of the chat template.
        system_prompt: A system prompt built into the model, if any.
        capabilities: As the server names them (``thinking``, ``vision`` …).
        endpoints: Addresses that serve it, without credentials.
        server: Server and version.
        remote: Whether prompts leave this machine for somebody's cloud.
        identity: What the digest is worth. Of a model known by its ``name`` alone
            (an application, a server that tells no hash, a vendor's alias) the
            answers of a finished run are never taken for another one's.
    """

    name: str
    provider: str
    model: str
    digest: str
    family: str | None = None
    quantisation: str | None = None
    parameters: str | None = None
    context_length: int | None = None
    template_hash: str | None = None
    system_prompt: str | None = None
    capabilities: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    server: str | None = None
    remote: bool = False
    identity: Identity = "name"
