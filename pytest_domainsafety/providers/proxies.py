"""Which proxy of the environment a server is asked through, in whatever spelling.

Desktops, companies and tools each write these variables in their own way, so what can
be meant in one way alone is taken as that, and anything else is one sentence that
names the variable. No password in a proxy's address is ever shown.
"""

from __future__ import annotations

import os
import re
import sys
import urllib.request
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.text import printable

_SCHEMES = {
    "http": "http",
    "https": "https",
    "socks5": "socks5",
    # The name is resolved by the proxy in both, which is all that the h says.
    "socks5h": "socks5",
    # GNOME and most desktops' own tools write it so, and mean version 5.
    "socks": "socks5",
}
"""A proxy's scheme as people write it, and as HTTP libraries take it."""
_PORTS = {"http": 80, "https": 443, "socks5": 1080}
_NO_PROXY = ("no_proxy", "NO_PROXY")
_SEPARATORS = re.compile(r"[,;|\s]+")
"""Between the hosts of `no_proxy`: commas; curl takes blanks, Java and Windows more."""
_ONE_SLASH = re.compile(r"\w+:(?!//)[/\\]")
_SAFE = ":%!$&'()*+,;=~"
"""In a name and password as they stand; anything else is percent-encoded."""
_WITH_SETTINGS = frozenset({"darwin", "win32"})
"""Systems that have proxies beside those of the environment."""
LARGEST_PORT = 65_535
LONGEST_HOST = 253
"""Of a port and of a name (RFC 1035)."""


class Proxy(NamedTuple):
    """A proxy.

    Attributes:
        url: With its name and password; never shown.
        variable: Which told of it.
    """

    url: str
    variable: str

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS and not HTTP."""
        return self.url.startswith("socks")

    @property
    def hint(self) -> str:
        """What to say where a server can't be reached through it."""
        return (
            f"it was asked through the proxy that {self.variable} names; no_proxy "
            "leaves a server out of that"
        )


def proxy_for(scheme: str, host: str, port: int | None) -> Proxy | None:
    """Return the environment's proxy for a server; never one for this machine.

    Args:
        scheme: ``http`` or ``https``.
        host: Without brackets.
        port: None where the address names none.

    Raises:
        ConfigError: There is one, and no connection can be made through it.
    """
    if is_this_machine(host) or _is_excepted(host, port or _PORTS[scheme]):
        return None
    found = _configured(scheme)
    return None if found is None else Proxy(_usable(*found), found[0])


def is_this_machine(host: str) -> bool:
    """Whether an address never leaves this machine."""
    name = host.casefold().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    inner = getattr(address, "ipv4_mapped", None) or address
    return inner.is_loopback or inner.is_unspecified


def _configured(scheme: str) -> tuple[str, str] | None:
    """Return the variable that counts for a scheme, and its value."""
    for wanted in (f"{scheme}_proxy", "all_proxy"):
        named = [name for name in os.environ if name.casefold() == wanted]
        # In a CGI script HTTP_PROXY is what the other side sent (CVE-2016-1000110).
        if "REQUEST_METHOD" in os.environ:
            named = [name for name in named if name != "HTTP_PROXY"]
        # The small spelling wins, also where it is set to nothing: then there is none.
        variable = wanted if wanted in named else next(iter(named), "")
        value = os.environ.get(variable, "").strip().strip("\"'")
        if value:
            return variable, value
    return _of_the_system(scheme)


def _of_the_system(scheme: str) -> tuple[str, str] | None:
    """Return the proxy of the system's own settings, on systems that have some."""
    if sys.platform not in _WITH_SETTINGS:
        return None
    value = urllib.request.getproxies().get(scheme)
    return None if not value else (f"the system's {scheme} proxy", value)


# ── one proxy ───────────────────────────────────────────────────────────────


def _usable(variable: str, value: str) -> str:
    """Return a proxy's address as HTTP libraries take it.

    Raises:
        ConfigError: None can be made of it.
    """
    # "host:8080" is no address with the scheme "host".
    text = value if "://" in value else f"http://{value.removeprefix('//')}"
    if _ONE_SLASH.match(value):
        raise _unusable(variable, "is no proxy's address")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:  # brackets that don't match, a port that is no number
        raise _unusable(variable, "is no proxy's address") from None
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None:
        raise _unusable(
            variable,
            f"has the scheme {printable(parts.scheme, 20)!r}, and there are "
            f"{', '.join(_SCHEMES)}",
        )
    if not host or not is_host(host) or port == 0:
        raise _unusable(variable, "is no proxy's address")
    if scheme == "socks5" and find_spec("socksio") is None:
        raise _unusable(
            variable,
            "is a SOCKS proxy, which needs a package: pip install "
            "'pytest-domainsafety[socks]'",
        )
    return f"{scheme}://{_authority(parts, host, port or _PORTS[scheme])}"


def _authority(parts: SplitResult, host: str, port: int) -> str:
    login, at, _ = parts.netloc.rpartition("@")
    login = quote(login, safe=_SAFE)
    shown = f"[{host}]" if ":" in host else host
    return f"{login}{at}{shown}:{port}"


def _unusable(variable: str, what: str) -> ConfigError:
    return ConfigError(
        f"{variable} {what}; write for example {variable}=http://proxy.example:8080, "
        f"or leave the server out of it with no_proxy"
    )


def is_host(host: str) -> bool:
    """Whether a name can be looked up: what is none ends in an odd error later."""
    if ":" in host:
        return _is_address(host.partition("%")[0])
    if not host.isprintable() or "%" in host or " " in host:
        return False
    try:
        return 0 < len(host.encode("idna")) <= LONGEST_HOST  # as it is looked up
    except UnicodeError:
        return False


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


# ── hosts without ───────────────────────────────────────────────────────────


def _is_excepted(host: str, port: int) -> bool:
    """Whether `no_proxy` names a host, in any of the ways in which tools write it."""
    value = next(filter(None, map(os.environ.get, _NO_PROXY)), "")
    rules = (rule for rule in _SEPARATORS.split(value.casefold()) if rule)
    if any(_covers(rule, host.casefold().rstrip("."), port) for rule in rules):
        return True
    if sys.platform not in _WITH_SETTINGS:
        return False
    return bool(urllib.request.proxy_bypass(host))


def _covers(rule: str, host: str, port: int) -> bool:
    """Whether one entry is of a host: a name, a domain, an address or a network."""
    if rule == "*":
        return True
    if rule == "<local>":  # Windows: names without a dot
        return "." not in host and ":" not in host
    rule = rule.partition("://")[2] or rule
    if "/" in rule:
        return _in_network(rule, host)
    rule, wanted = _split_port(rule)
    if wanted not in (None, port):
        return False
    if _is_address(rule) and _is_address(host):
        return ip_address(rule) == ip_address(host)
    name = rule.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _in_network(rule: str, host: str) -> bool:
    try:
        return ip_address(host) in ip_network(rule.strip("[]"), strict=False)
    except ValueError:
        return False


def _split_port(rule: str) -> tuple[str, int | None]:
    """Return a rule without its port, and that; an IPv6 address has colons too."""
    if rule.startswith("["):
        name, _, port = rule[1:].partition("]")
        port = port.removeprefix(":")
    elif rule.count(":") == 1:
        name, _, port = rule.partition(":")
    else:
        name, port = rule, ""
    return name, int(port) if port.isdecimal() else None
