"""What no sentence may hold is struck, however it is quoted, and nothing else is."""

from __future__ import annotations

import asyncio
import base64
import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_domainsafety.errors import BadAnswer, ConfigError, ServerBusy
from pytest_domainsafety.providers import redaction
from pytest_domainsafety.providers.base import ProviderSettings, build_reply
from pytest_domainsafety.providers.connections import read_address
from pytest_domainsafety.providers.crash_report import FILE, MOST_BYTES, report_crash
from pytest_domainsafety.providers.guard import guarded
from pytest_domainsafety.providers.redaction import hide_login, strike, variables
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.types import ChatRequest, Message, ModelInfo, Sampling

PROMPT = 'Please carry out the "plan" for\nthe bicycle shed — naïve & quick.'
KEY = "sk-canary/7f3a9+c2e1=b"
SAID = "http://127.0.0.1:8000/v1 answered 500: the runner could not read {} of today"


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch):
    monkeypatch.setattr(redaction, "_remembered", set())


QUOTATIONS = {
    "plain": PROMPT,
    "one_line": " ".join(PROMPT.split()),
    "json": json.dumps(PROMPT),
    "json_twice": json.dumps(json.dumps(PROMPT)),
    "python": repr(PROMPT),
    "html": html.escape(PROMPT),
    "url": quote(PROMPT),
    "capitals": PROMPT.upper(),
    "cut": PROMPT[:33] + "…",
    "cut_short": PROMPT[:12] + "...",
    "end": "…" + PROMPT[-15:],
    "middle": PROMPT[7:31],
}


@pytest.mark.parametrize("kind", QUOTATIONS)
def test_a_quotation_is_struck_and_the_rest_stays(kind):
    text = strike(SAID.format(f"'{QUOTATIONS[kind]}'"), ["short", PROMPT])
    before, after = SAID.format("\0").split("\0")
    assert text.startswith(before)
    assert text.endswith(after)
    assert "[prompt]" in text
    for word in ("lease", "carry", "icycle", "shed", "quick", "PLAN"):
        assert word not in text, text


@given(st.text(), st.text(min_size=1), st.data())
def test_no_run_of_twenty_characters_is_left(before, message, data):
    start = data.draw(st.integers(0, len(message) - 1))
    text = strike(f"{before}{message[start : start + 40]} of", [message])
    runs = (message[at : at + 20] for at in range(len(message) - 19))
    assert not any(run in text for run in runs if run.strip() == run)


@given(st.text(max_size=19), st.text(max_size=200))
def test_what_is_no_quotation_stays(text, message):
    """Fewer characters than a run, and no ellipsis: only a whole message is one."""
    if "…" not in text and "..." not in text and len(message) >= 20:
        assert strike(text, [message]) == text


def test_a_short_message_is_struck_whole_alone():
    assert (
        strike("said 'Hello there' twice", ["Hello there"]) == "said '[prompt]' twice"
    )
    assert strike("said Hello to all", ["Hello there"]) == "said Hello to all"
    assert strike("hi there", ["hi"]) == "hi there"


def test_a_long_message_is_no_trouble():
    message = "the model and its plan " * 50_000  # what is quadratic never ends
    assert strike(SAID.format("it"), [message]) == SAID.format("it")


# ── keys ────────────────────────────────────────────────────────────────────

VARIABLES = (
    "OPENAI_API_KEY",
    "AZURE_KEY_2",
    "HF_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "PGPASSWORD",
    "my_company_token",
    "GATEWAY_API_KEYS",
)


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("spell", [str, json.dumps, quote, repr, str.upper])
def test_a_key_of_the_environment_is_struck(name, spell, monkeypatch):
    monkeypatch.setenv(name, KEY)
    text = strike(SAID.format(spell(KEY)))
    assert "[key]" in text
    assert "7f3a9" not in text.casefold()
    assert text.endswith("of today")


def test_a_key_that_was_cut_is_struck(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert KEY[:14] not in strike(f"Incorrect API key provided: {KEY[:14]}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_API_KEY", "ollama"),
        ("OPENAI_API_KEY", "EMPTY"),
        ("OPENAI_API_KEY", "lm-studio"),
        ("TOKENIZERS_PARALLELISM", "parallel"),
        ("MAX_TOKENS", "2048"),
        ("NUM_KEY", "127"),
        ("SSH_KEY_FILE", "/"),
        ("PWD", "answered"),
    ],
)
def test_what_is_no_secret_stays(name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    text = f"start it with 'ollama serve' EMPTY lm-studio / 127 2048 {value}"
    assert strike(text) == text


def test_a_short_password_is_struck_as_a_word(monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "shed")
    assert strike("shed, 'shed' and sheds") == "[key], '[key]' and sheds"


@pytest.mark.parametrize(
    "value",
    [
        f"http://me:{quote(KEY, safe='')}@proxy.example:3128",
        f"socks5h://{quote(KEY, safe='')}@proxy.example",
        f"http://a:b@one.example,http://me:{quote(KEY, safe='')}@two.example",
        f"https://one.example/v1?api-key={quote(KEY, safe='')}&v=1",
        f"https://one.example/v1?v=1;access_token={quote(KEY, safe='')}",
    ],
)
def test_passwords_in_addresses_of_the_environment_are_struck(value, monkeypatch):
    monkeypatch.setenv("ANY_NAME", value)
    for said in (KEY, quote(KEY, safe="")):
        assert strike(f"it said {said}") == "it said [key]"


ADDRESSES = {
    "http://me:p@ss:w0rd@host:99999/v1": "http://…@host:99999/v1",
    "me:p@ss:w0rd@host": "…@host",
    "ftp://me:p@ss:w0rd@host/": "ftp://…@host/",
    "http//me:p@ss:w0rd@host": "http//…@host",
    "http://[me:p@ss:w0rd@::1": "http://…@::1",
    "http://me:p@ss/:w0rd@host": "http://…@host",
    "http://me:w0rd": "http://me:…",
    "http://host/v1?key=w0rd": "http://host/v1?…",
    "http://host:8000/v1": "http://host:8000/v1",
    "http://[::1]:8000/v1": "http://[::1]:8000/v1",
    "host:8000": "host:8000",
    "": "",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_login_is_hidden_whatever_the_address_is(address):
    assert hide_login(address) == ADDRESSES[address]


@pytest.mark.parametrize("address", [one for one in ADDRESSES if "w0rd" in one])
@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_malformed_address_shows_no_password(address, provider):
    settings = ProviderSettings(endpoints=(f"{provider}={address}",))
    try:
        said = create_model(f"{provider}:m", settings)._pool.servers[0].shown
    except ConfigError as error:
        said = str(error)
    assert "w0rd" not in said


def test_a_login_that_was_read_is_struck_from_then_on():
    address = read_address("http://me:a%2Dlong%2Dpassword@127.0.0.1:9/v1")
    (header,) = address.login.values()
    assert base64.b64decode(header.split()[1]) == b"me:a-long-password"
    assert strike("it was a-long-password.") == "it was [key]."


# ── the door ────────────────────────────────────────────────────────────────


class Telling:
    """A model that raises or answers what it is told, as anybody's may."""

    name = "told:m"

    def __init__(self, what):
        self.what = what

    def _tell(self):
        if isinstance(self.what, BaseException):
            raise self.what
        return self.what

    async def describe(self):
        return self._tell()

    async def chat(self, _request):
        return self._tell()

    async def unload(self):
        self._tell()

    async def aclose(self):
        self._tell()

    only_here = 7


SAMPLING = Sampling()
REQUEST = ChatRequest((Message("user", PROMPT),), SAMPLING, 1)


def test_a_sentence_is_struck_and_its_error_stays_what_it_is(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model = guarded(Telling(ServerBusy(f"busy with {PROMPT} and {KEY}", 3.0)))
    with pytest.raises(
        ServerBusy, match=r"busy with \[prompt\] and \[key\]$"
    ) as caught:
        asyncio.run(model.chat(REQUEST))
    assert caught.value.retry_after == 3.0
    assert model.only_here == 7


def test_what_was_asked_before_is_struck_too():
    """A server that fell over says at what for as long as it lies there."""
    asyncio.run(guarded(Telling(build_reply("no"))).chat(REQUEST))
    model = guarded(Telling(ServerBusy(f"the runner ended at {PROMPT}")))
    other = ChatRequest(
        (Message("user", "Something else, and long enough"),), SAMPLING, 1
    )
    for call in (lambda: model.chat(other), model.describe):
        with pytest.raises(ServerBusy, match=r"ended at \[prompt\]$"):
            asyncio.run(call())


@pytest.mark.parametrize(
    "error",
    [
        OverflowError(PROMPT),
        MemoryError(),
        RecursionError(KEY),
        UnicodeEncodeError("ascii", KEY + "…", 3, 4, PROMPT),
        ExceptionGroup(PROMPT, [ValueError(KEY)]),
        KeyError(PROMPT),
        OSError(f"no {PROMPT} and no {KEY}"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_nobody_foresaw_is_one_sentence_and_a_file(error, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    model = guarded(Telling(error), tmp_path / "kept")
    for call in (lambda: model.chat(REQUEST), model.describe):
        with pytest.raises(BadAnswer) as caught:
            asyncio.run(call())
        assert str(caught.value) == (
            "An answer for 'told:m' could not be read: "
            f"{type(error).__name__}, whose traceback is in kept/{FILE}."
        )
    asyncio.run(model.aclose())
    asyncio.run(model.unload())
    file = tmp_path / "kept" / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    told = file.read_text("utf-8")
    assert told.count("Traceback (most recent call last)") >= 2
    assert "canary" not in told
    chat = told.partition("in describe")[0]
    assert "bicycle" not in chat


def test_a_link_is_not_followed_and_the_file_does_not_grow_for_ever(tmp_path):
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    said = report_crash(ValueError("x"), tmp_path)
    assert said == "ValueError, whose traceback could not be kept (OSError)"
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).write_bytes(b"x" * MOST_BYTES)
    (tmp_path / FILE).chmod(0o644)
    report_crash(ValueError("x"), tmp_path)
    assert (tmp_path / FILE).stat().st_size == MOST_BYTES
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_names_that_a_server_gives_are_struck(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    reply = build_reply(f"{PROMPT} {KEY}", finish=f"{PROMPT[:30]}", model=f"{KEY}")
    got = asyncio.run(guarded(Telling(reply)).chat(REQUEST))
    assert (got.finish_word, got.model) == ("[prompt]", "[key]")
    assert got.text == f"{PROMPT} [key]"  # the prompt in an answer is the store's
    info = ModelInfo(
        name="m", provider="p", model="m", digest="d", server=KEY, capabilities=(KEY,)
    )
    told = asyncio.run(guarded(Telling(info)).describe())
    assert (told.server, told.capabilities) == ("[key]", ("[key]",))


def test_a_name_that_holds_a_key_is_refused(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(ConfigError) as caught:
        create_model(f"command:prog --key {KEY}", ProviderSettings())
    assert "'command:prog --key [key]' holds a key" in str(caught.value)


def test_a_variable_that_goes_away_meanwhile_is_none():
    class Changing(dict):
        def get(self, name, default=None):
            self.clear()
            return super().get(name, default)

    assert variables(Changing(GONE="1")) == {}
