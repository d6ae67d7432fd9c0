"""Words by which a user's own content filter is known (``--safety-filter-words``)."""

from __future__ import annotations

from pathlib import Path

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.text import fingerprint

SHORTEST = 5
"""Characters of a word: what a filter rejects counts as a refusal, so that a word which
fits any trouble ("error") would make a refusal of all of it."""
# Words that any refused request may bear.
TOO_COMMON = frozenset(
    {
        "bad request",
        "blocked",
        "content",
        "denied",
        "error",
        "failed",
        "filter",
        "forbidden",
        "invalid",
        "invalid_request_error",
        "message",
        "model",
        "prompt",
        "request",
        "unsupported",
    }
)


def read_filter_words(path: Path) -> tuple[str, ...]:
    """Return the words of a file, in small letters; a line with # is a remark.

    Raises:
        ConfigError: It can't be read, holds no word, or one that fits anything.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"--safety-filter-words {path.name}: can't be read as UTF-8 text "
            f"({type(error).__name__})"
        ) from None
    words = [
        line.strip().casefold() for line in lines if line.strip()[:1] not in ("", "#")
    ]
    for word in words:
        if len(word) < SHORTEST or word in TOO_COMMON:
            raise ConfigError(
                f"--safety-filter-words {path.name}: {word[:40]!r} would fit errors "
                "that are no filter's, and what a filter rejects counts as a refusal; "
                "write more of what it says"
            )
    if not words:
        raise ConfigError(f"--safety-filter-words {path.name}: it holds no word")
    return tuple(dict.fromkeys(words))


def filter_words_entry(words: tuple[str, ...]) -> dict[str, str]:
    """Return what a manifest and a lock hold of the words: their hash, where there are.

    They decide what counts as a refusal, and so could turn a verdict.
    """
    return {"filter_words": fingerprint("filter words", list(words))} if words else {}
