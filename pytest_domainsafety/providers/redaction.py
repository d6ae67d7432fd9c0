"""What no sentence may hold: keys that this process knows, and what a model was asked.

Servers, proxies, libraries and applications quote what they were sent. So whatever
one of them says is struck here, by one rule, before it leaves the room: keys, and
every run of :data:`RUN` characters of a request's messages. A quotation is known again
although it was escaped, wrapped, written in capitals or cut.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

__all__ = ["hide_login", "long_keys", "remember", "strike", "without"]

KEY = "[key]"
PROMPT = "[prompt]"
RUN = 20
"""Characters of a message, its white space as one blank, that are a quotation."""
# English has about 16 letters and digits in 20 characters.
LETTERS = 16
LETTERS_OF_A_KEY = 12
# A message shorter than a run is quoted where it stands whole, and a piece of one
# where an ellipsis says that it was cut.
SHORTEST = 8
SHORTEST_KEY = 4
"""Below 8 characters a key is struck as a word of its own alone."""

# Local servers want a key and take any: these are no secrets, and words of ours.
_PLACEHOLDERS = frozenset(
    """apikey api-key changeme dummy empty fake false here key lm-studio local
    localhost no-key nokey none not-needed null ollama openai password secret
    sk-no-key-required test token true unused""".split()  # noqa: SIM905
)
_SECRET_PARTS = frozenset(
    """APIKEY CREDENTIAL CREDENTIALS KEY KEYS PASS PASSPHRASE PASSWD PASSWORD PAT SECRET
    SECRETS TOKEN""".split()  # noqa: SIM905
)
_SECRET_ENDS = ("APIKEY", "PASSWORD", "PASSWD", "SECRET", "TOKEN", "_PWD")

_remembered: set[str] = set()


def remember(*secrets: str | None) -> None:
    """Take note of keys that are to be struck from every sentence from now on."""
    _remembered.update(secret for secret in secrets if secret and _is_secret(secret))


def strike(text: str, messages: Iterable[str] = ()) -> str:
    """Return a text without keys and without what it quotes of messages.

    Args:
        text: What a server, a library or we have to say.
        messages: Of the request that it is about.
    """
    if not text:
        return text
    for secret in sorted(_secrets(os.environ), key=len, reverse=True):
        text = _strike_secret(text, secret)
    spaced, letters = _spaced(text), _letters(text)
    spans: list[tuple[int, int]] = []
    for message in messages:
        source = _letters_of(message)
        spans += _quoted(spaced, _spaced_of(message), RUN)
        spans += _quoted(letters, source, LETTERS)
        spans += _cut(text, source)
    return _replace(text, spans, PROMPT)


def long_keys() -> tuple[str, ...]:
    """Return the keys that are known now and are no words, the longest first."""
    known = sorted(_secrets(os.environ), key=len, reverse=True)
    return tuple(secret for secret in known if len(secret) >= SHORTEST)


def without(keys: Iterable[str], text: str) -> str:
    """Return a text of any length without keys, where they stand as they are."""
    for secret in keys:
        text = text.replace(secret, KEY)
    return text


def hide_login(address: str) -> str:
    """Return an address as it was typed, without what may be a password or a key.

    It need not be a valid one: all before its last ``@`` is taken for the login, a
    port that is no number for a password, and a query for a key.
    """
    remember(*_url_secrets(address))
    head, at, rest = address.rpartition("@")
    if at:
        scheme, slashes, _ = head.partition("//")
        address = f"{scheme}//…@{rest}" if slashes else f"…@{rest}"
    odd_port = _ODD_PORT.search(address)
    if odd_port:
        remember(odd_port[1])
        address = f"{address[: odd_port.start(1)]}…{address[odd_port.end(1) :]}"
    path, mark, _ = address.partition("?")
    return f"{path}?…" if mark else path


# ── which keys there are ────────────────────────────────────────────────────


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment as it is now, though another thread may change it.

    pytest sets and deletes a variable of its own at every test, while the engine asks:
    going through `os.environ` by items would end with a KeyError.
    """
    values = ((name, environment.get(name)) for name in list(environment))
    return {name: value for name, value in values if value is not None}


def _secrets(environment: Mapping[str, str]) -> set[str]:
    """Return what was remembered, and the keys in an environment."""
    found = set(_remembered)
    for name, value in variables(environment).items():
        if "://" in value:
            found.update(filter(_is_secret, _url_secrets(value)))
        elif _names_a_secret(name):
            found.update(filter(_is_secret, (value.strip(), *_listed(value))))
    return found


def _names_a_secret(name: str) -> bool:
    upper = name.upper()
    parts = re.split(r"[^A-Z]+", upper)
    return not _SECRET_PARTS.isdisjoint(parts) or upper.endswith(_SECRET_ENDS)


def _listed(value: str) -> list[str]:
    """Return the parts of a list of keys, and the lines of a key file's content."""
    return [part for part in re.split(r"[,;\n]+", value) if len(part) >= SHORTEST]


def _is_secret(value: str) -> bool:
    if len(value) < SHORTEST_KEY or value.casefold() in _PLACEHOLDERS:
        return False
    if value.isdigit() and len(value) < SHORTEST:
        return False  # a count or a port, and struck from every sentence with one
    return not (value[0] in "/~.\\" and os.path.exists(os.path.expanduser(value)))


_ODD_PORT = re.compile(r"//[^/?#@:\[\]]*:(?!\d*(?:[/?#]|$))([^/?#]*)")
_QUERY = re.compile(
    r"[?&;][\w.-]*(?:key|token|secret|sig|signature|password|pwd|code|auth)[\w.-]*="
    r"([^&#\s]+)",
    re.IGNORECASE,
)


def _url_secrets(text: str) -> Iterator[str]:
    """Yield passwords and keys in an address or a list of them, also decoded."""
    for address in (text, *re.split(r"[\s,]+", text)):
        head, at, _ = address.rpartition("@")
        login = head.partition("//")[2] or head
        name, colon, password = login.partition(":")
        secret = password if colon else name
        if at:
            yield from (secret, unquote(secret))
    for value in _QUERY.findall(text):
        yield from (value, unquote(value))


def _strike_secret(text: str, secret: str) -> str:
    if len(secret) < SHORTEST:
        return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", KEY, text)
    text = text.replace(secret, KEY)
    letters = _letters_of(secret)
    if len(letters) < LETTERS_OF_A_KEY:
        return text
    return _replace(text, _quoted(_letters(text), letters, LETTERS_OF_A_KEY), KEY)


# ── what is a quotation ─────────────────────────────────────────────────────


class _View(NamedTuple):
    """A text in a spelling that quotations share, and where each of it stands.

    Attributes:
        text: In that spelling.
        places: For each character the span that it comes from.
    """

    text: str
    places: list[tuple[int, int]]


# How JSON, Python, URLs and HTML write a character; JSON in JSON with more backslashes.
_ESCAPED = re.compile(
    r"\\+(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[a-z\"'/])|\\+"
    r"|&#?\w{1,8};|(?:%[0-9A-Fa-f]{2})+"
)
_SPACE = re.compile(r"\s+")
_ELLIPSIS = re.compile(r"(?:…|\.\.\.|\[\.\.\.\])+")
# Characters beside an ellipsis in which so many letters are looked for, escaped or not.
_BESIDE = 12 * LETTERS


def _spaced(text: str) -> _View:
    """Return a text in small letters, with one blank for each piece of white space."""
    return _view(text, _SPACE, lambda _: " ", lambda _: True)


@lru_cache(maxsize=128)
def _spaced_of(message: str) -> str:
    """Return the same of a message, which may be long, without the places."""
    return " ".join(message.casefold().split())


def _letters(text: str) -> _View:
    """Return the letters and digits of a text alone, escaped ones among them."""
    return _view(text, _ESCAPED, _unescaped, str.isalnum)


@lru_cache(maxsize=128)
def _letters_of(message: str) -> str:
    """Return the same of a message, which may be long, without the places."""
    plain = _ESCAPED.sub(lambda match: _unescaped(match.group()), message)
    return "".join(filter(str.isalnum, plain.casefold()))


def _view(
    text: str,
    special: re.Pattern[str],
    read: Callable[[str], str],
    keep: Callable[[str], bool],
) -> _View:
    characters: list[str] = []
    places: list[tuple[int, int]] = []

    def take(piece: str, start: int, end: int) -> None:
        for character in piece.casefold():
            if keep(character):
                characters.append(character)
                places.append((start, end))

    at = 0
    for match in special.finditer(text):
        for place in range(at, match.start()):
            take(text[place], place, place + 1)
        take(read(match.group()), match.start(), match.end())
        at = match.end()
    for place in range(at, len(text)):
        take(text[place], place, place + 1)
    return _View("".join(characters), places)


def _unescaped(token: str) -> str:
    if token[0] == "%":
        return unquote(token, errors="replace")
    if token[0] == "&":
        return html.unescape(token)
    code = token.lstrip("\\")
    return chr(int(code[1:], 16)) if len(code) > 1 else " "


def _quoted(said: _View, source: str, least: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of a text that are runs of a message in the same spelling.

    A run of `least` characters holds one whole block of half as many that begins at
    a multiple of that; so most of a text needs one search for a block, however long
    the message is.
    """
    text = said.text
    if len(source) < least:
        yield from _whole(said, source)
        return
    step = least // 2
    blocks = [text[at : at + step] in source for at in range(0, len(text), step)]
    at = 0
    while at + least <= len(text):
        if not blocks[-(-at // step)] or text[at : at + least] not in source:
            at += 1
            continue
        length = _common(text, at, source, least)
        yield said.places[at][0], said.places[at + length - 1][1]
        at += length


def _common(text: str, at: int, source: str, least: int) -> int:
    """Return how long the longest piece of a message is that a text goes on with.

    Args:
        text: It holds a piece of the message at `at`.
        at: Where.
        source: The message.
        least: How long that piece is.
    """
    length, place = least, source.find(text[at : at + least])
    while place >= 0:
        while (
            at + length < len(text)
            and place + length < len(source)
            and text[at + length] == source[place + length]
        ):
            length += 1
        if at + length == len(text):
            break
        # Only a longer one, and further on: a text is gone through once.
        place = source.find(text[at : at + length + 1], place + 1)
    return length


def _whole(said: _View, source: str) -> Iterator[tuple[int, int]]:
    """Yield where a short message stands whole, as words of its own."""
    if len(source) < SHORTEST:
        return
    at = said.text.find(source)
    while at >= 0:
        yield said.places[at][0], said.places[at + len(source) - 1][1]
        at = said.text.find(source, at + len(source))


def _cut(text: str, source: str) -> Iterator[tuple[int, int]]:
    """Yield pieces of a message beside an ellipsis that are shorter than a run.

    Args:
        text: Whatever was said.
        source: The letters of the message.
    """
    for mark in _ELLIPSIS.finditer(text):
        first = max(0, mark.start() - _BESIDE)
        before = _letters(text[first : mark.start()])
        for at in range(max(0, len(before.text) - LETTERS), len(before.text)):
            if len(before.text) - at >= SHORTEST and before.text[at:] in source:
                yield first + before.places[at][0], mark.start()
                break
        after = _letters(text[mark.end() : mark.end() + _BESIDE])
        for end in range(min(LETTERS, len(after.text)), SHORTEST - 1, -1):
            if after.text[:end] in source:
                yield mark.end(), mark.end() + after.places[end - 1][1]
                break


def _replace(text: str, spans: Iterable[tuple[int, int]], mark: str) -> str:
    """Put a mark in the place of spans; those that touch get one together."""
    pieces: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if start > at or not pieces:
            pieces += (text[at:start], mark)
        at = max(at, end)
    return "".join((*pieces, text[at:]))
