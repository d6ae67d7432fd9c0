"""What may be meant by a word before a colon: a provider, or a model of Ollama's."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Whose servers people name here, as other tools have it, and no model of Ollama's
# library: most speak OpenAI's protocol.
OTHERS = frozenset(
    """ai21 anyscale aws azureai azureopenai baseten bedrock cerebras chatgpt claude
    cloudflare cohere copilot custom dashscope databricks deepinfra fireworks
    fireworksai gemini github google googleai gpt groq hf http https huggingface
    hyperbolic inference kobold koboldcpp lepton litellm llamacpp llamafile lmstudio
    localai meta mistralai mlx modal moonshot nim novita nvidia oai openaicompatible
    openrouter perplexity portkey replicate sagemaker sambanova sglang siliconflow
    tabbyapi tensorrt text together togetherai tgi transformers triton vertex vertexai
    vllm volcengine watsonx xai xinference zai zhipu""".split()  # noqa: SIM905
)
# Names of hosted models, which no tag of Ollama's is.
_HOSTED = re.compile(
    r"(?:gpt-\d|chatgpt|claude-|gemini-\d|o[134](?:-|$)|grok-\d|deepseek-chat)", re.I
)
# A tag of Ollama's, whatever the model is called: `7b-instruct`, `latest`.
_SIZE = re.compile(r"(?:latest$|\d+(?:\.\d+)?[bm]\b|e\d+b\b)", re.I)
# What Ollama takes for a tag.
_TAG = re.compile(r"[\w][\w.-]{0,79}", re.ASCII)


def names_another(first: str, rest: str) -> bool:
    """Tell whether what stands before a colon must be meant for a provider.

    Ollama's names have colons, too: ``llama3.3:70b``, ``hf.co/org/repo:Q4_K_M``,
    ``registry:5000/me/model:tag``. So these are names of other tools' providers, and
    bare words before what can't be a tag.
    """
    word = first.casefold()
    if _SIZE.match(rest):
        return False
    if re.sub(r"[-_. ]", "", word) in OTHERS:
        return True
    if not re.fullmatch(r"[a-z][a-z_-]*", word) or re.match(r"\d+/", rest):
        return False
    return _HOSTED.match(rest) is not None or _TAG.fullmatch(rest) is None


def doubt(name: str, providers: Iterable[str]) -> str:
    """Return what to add where Ollama has no such model: was a provider meant?

    Args:
        name: As it was typed; one that says ``ollama:`` leaves no doubt.
        providers: Those that there are.
    """
    first, colon, rest = name.partition(":")
    bare = re.fullmatch(r"[A-Za-z][A-Za-z_]*", first)
    if not colon or first == "ollama" or not bare or _SIZE.match(rest):
        return ""
    return (
        f". If {first!r} is meant to be a provider, there is none of that name; there "
        f"are {', '.join(sorted(providers))}"
    )
