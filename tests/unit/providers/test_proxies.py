"""Proxies as desktops, companies and tools spell them, and hosts that go without."""

from __future__ import annotations

import asyncio
import gc
import os

import pytest

from pytest_domainsafety.errors import ConfigError, ProviderError, ServerUnreachable
from pytest_domainsafety.providers import proxies
from pytest_domainsafety.providers.http import HttpServer, parse_json
from pytest_domainsafety.providers.proxies import proxy_for

ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    b'content-length: 9\r\n\r\n{"ok": 1}'
)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def with_socks(monkeypatch):
    monkeypatch.setattr(proxies, "find_spec", lambda _: True)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("http://proxy.example:8080", "http://proxy.example:8080"),
        ("HTTP://proxy.example:8080/", "http://proxy.example:8080"),
        ("  http://proxy.example ", "http://proxy.example:80"),
        ('"http://proxy.example:8080"', "http://proxy.example:8080"),
        ("https://proxy.example", "https://proxy.example:443"),
        ("proxy.example:8080", "http://proxy.example:8080"),
        ("//proxy.example:8080", "http://proxy.example:8080"),
        ("10.0.0.1:3128", "http://10.0.0.1:3128"),
        ("proxy", "http://proxy:80"),
        ("http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
        ("me:s cret@proxy.example:8080", "http://me:s%20cret@proxy.example:8080"),
        ("http://me:p@ss@proxy.example:1", "http://me:p%40ss@proxy.example:1"),
        ("http://CORP\\me:pw@proxy.example:1", "http://CORP%5Cme:pw@proxy.example:1"),
        ("socks://proxy.example:1080/", "socks5://proxy.example:1080"),
        ("socks5://proxy.example", "socks5://proxy.example:1080"),
        ("socks5h://me:pw@proxy.example:9", "socks5://me:pw@proxy.example:9"),
    ],
)
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_spelling_that_means_one_thing_is_taken_so(
    monkeypatch, with_socks, variable, value, url
):
    monkeypatch.setenv(variable, value)
    assert proxy_for("http", "models.example", None) == (url, variable)


@pytest.mark.parametrize(
    "value",
    [
        "socks4://proxy.example:1080",
        "ftp://proxy.example",
        "direct://",
        "http://",
        "http://:8080",
        "http:/proxy.example:80",
        "http:\\\\proxy.example:80",
        "http://proxy.example:99999",
        "http://proxy.example:eighty",
        "http://[::1",
        "http://a..b:80",
        "proxy example:80",
        f"http://{'a' * 70}.example:80",
    ],
)
def test_anything_else_is_one_sentence_with_the_variable(monkeypatch, value):
    monkeypatch.setenv("https_proxy", value.replace("//", "//me:s3cret@"))
    with pytest.raises(ConfigError, match=r"^https_proxy ") as caught:
        proxy_for("https", "models.example", None)
    assert "s3cret" not in str(caught.value)


def test_a_socks_proxy_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(proxies, "find_spec", lambda _: None)
    monkeypatch.setenv("ALL_PROXY", "socks://proxy.example:1")
    with pytest.raises(ConfigError, match=r"ALL_PROXY is a SOCKS proxy.*\[socks\]"):
        HttpServer("http://models.example/v1", timeout_s=1)
    # None is needed for this machine.
    assert HttpServer("http://127.0.0.1:9/v1", timeout_s=1).hint == ""


def test_the_scheme_s_own_wins_and_the_small_spelling_too(monkeypatch):
    monkeypatch.setenv("all_proxy", "http://all.example:1")
    monkeypatch.setenv("HTTP_PROXY", "http://upper.example:1")
    assert proxy_for("http", "m.example", None).url == "http://upper.example:1"
    assert proxy_for("https", "m.example", None).url == "http://all.example:1"
    monkeypatch.setenv("http_proxy", "http://lower.example:1")
    assert proxy_for("http", "m.example", None).url == "http://lower.example:1"


@pytest.mark.parametrize("empty", ["", "  ", '""'])
def test_one_that_is_set_to_nothing_is_none(monkeypatch, empty):
    monkeypatch.setenv("HTTP_PROXY", "http://upper.example:1")
    monkeypatch.setenv("http_proxy", empty)
    assert proxy_for("http", "m.example", None) is None


def test_what_a_web_server_was_sent_is_no_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://evil.example:1")
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    assert proxy_for("http", "m.example", None) is None


@pytest.mark.parametrize(
    ("rule", "host", "port"),
    [
        ("*", "m.example", 80),
        ("m.example", "m.example", 80),
        ("M.Example", "m.example", 80),
        ("example", "m.example", 80),
        (".example", "m.example", 80),
        ("*.example", "m.example", 80),
        ("a.test, m.example", "m.example", 80),
        ("a.test m.example", "m.example", 80),
        ("a.test;m.example", "m.example", 80),
        ("a.test|*.example", "m.example", 80),
        ("m.example:8080", "m.example", 8080),
        ("http://m.example", "m.example", 80),
        ("m.example.", "m.example", 80),
        ("10.0.0.0/8", "10.1.2.3", 80),
        ("10.1.2.3/8", "10.1.2.3", 80),
        ("10.1.2.3", "10.1.2.3", 80),
        ("fd00::/8", "fd12::1", 80),
        ("[fd12::1]", "fd12:0::1", 80),
        ("[fd12::1]:80", "fd12::1", 80),
        ("fd12::1", "fd12::1", 80),
        ("<local>", "gpubox", 80),
    ],
)
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_hosts_that_go_without(monkeypatch, variable, rule, host, port):
    monkeypatch.setenv("http_proxy", "http://proxy.example:1")
    monkeypatch.setenv(variable, rule)
    assert proxy_for("http", host, port) is None


@pytest.mark.parametrize(
    ("rule", "host"),
    [
        ("example.m", "m.example"),
        ("ample", "m.example"),
        ("m.example:8080", "m.example"),
        ("10.0.0.0/8", "11.1.2.3"),
        ("10.0.0.0/8", "m.example"),
        ("10.1.2", "10.1.2.3"),
        ("<local>", "m.example"),
        (", ,", "m.example"),
        (".", "m.example"),
        ("10.0.0.0/99", "10.1.2.3"),
        ("m.example:x", "m.example.org"),
    ],
)
def test_hosts_that_do_not(monkeypatch, rule, host):
    monkeypatch.setenv("http_proxy", "http://proxy.example:1")
    monkeypatch.setenv("no_proxy", rule)
    assert proxy_for("http", host, None) is not None


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "a.localhost", "127.1.2.3", "::1", "0.0.0.0"]
)
def test_this_machine_is_asked_without(monkeypatch, host):
    monkeypatch.setenv("http_proxy", "ftp://nonsense")
    assert proxy_for("http", host, 80) is None


# ── and sent over them ──────────────────────────────────────────────────────


async def _socks(reader, writer):
    """Be a SOCKS5 proxy (RFC 1928) and the server behind it."""
    _, methods = await reader.readexactly(2)
    await reader.readexactly(methods)
    writer.write(b"\x05\x00")
    *_, length = await reader.readexactly(5)
    await reader.readexactly(length + 2)
    writer.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWER)
    await writer.drain()
    writer.close()


async def _no_socks(reader, writer):
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    writer.close()


def _ask_through(monkeypatch, proxy, spelling):
    async def all_of_it():
        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("all_proxy", spelling.format(port=port))
        client = HttpServer("http://models.example/v1", timeout_s=5)
        try:
            return parse_json(await client.send("GET", "/m"), "it")
        finally:
            await client.aclose()
            server.close()
            await server.wait_closed()
            await asyncio.sleep(0.01)

    return asyncio.run(asyncio.wait_for(all_of_it(), 10))


@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
def test_a_desktop_s_proxy_carries_a_request(monkeypatch, scheme):
    pytest.importorskip("socksio")
    spelling = scheme + "://127.0.0.1:{port}/"
    assert _ask_through(monkeypatch, _socks, spelling) == {"ok": 1}


# httpcore leaves such a connection to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_proxy_that_speaks_something_else_is_a_fault_of_the_way(monkeypatch):
    pytest.importorskip("socksio")
    with pytest.raises(ProviderError, match="all_proxy"):
        _ask_through(monkeypatch, _no_socks, "socks5://127.0.0.1:{port}")
    gc.collect()


def test_a_proxy_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("http_proxy", "127.0.0.1:9")

    async def ask():
        server = HttpServer("http://models.example/v1", timeout_s=5, hint="start it")
        try:
            await server.send("GET", "/m")
        finally:
            await server.aclose()

    with pytest.raises(ServerUnreachable, match="the proxy that http_proxy names"):
        asyncio.run(ask())


# ── addresses and keys ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "address",
    [
        "http://me:s3cret@127.0.0.1:99999/v1",
        "http://me:s3cret@127.0.0.1:0/v1",
        "http://me:s3cret@127.0.0.1:x/v1",
        "http://me:s3cret@a..b/v1",
        f"http://me:s3cret@{'a' * 64}.example/v1",
        f"http://me:s3cret@{'.'.join(['abc'] * 80)}/v1",
        "http://me:s3cret@xn--/v1",
        "http://me:s3cret@☃.example/v1",
        "http://me:s3cret@zero\u200bwidth.example/v1",
        "http://me:s3cret@a b/v1",
        "http://me:s3cret@[::1/v1",
        "http://me:s3cret@/v1",
        "me:s3cret@host:80",
        "ftp://me:s3cret@host",
        "host/v1?key=s3cret",
        "",
    ],
)
def test_an_address_that_can_not_be_asked_is_one_sentence(address):
    with pytest.raises(ConfigError, match="is no server's address") as caught:
        HttpServer(address, timeout_s=1)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "key", ["sk-…", "“sk-1”", "sk\n1", "sk\u00a01", "sk\ud800", "ключ"]
)
def test_a_key_that_can_not_be_sent_is_one_sentence_without_it(key):
    with pytest.raises(ConfigError, match="copy the key again") as caught:
        HttpServer(
            "http://127.0.0.1:9",
            timeout_s=1,
            headers={"authorization": f"Bearer {key}"},
        )
    assert key not in str(caught.value)
