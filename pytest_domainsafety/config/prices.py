"""What models cost, by a file of the user's (``--safety-prices``).

None is shipped: a price that aged silently would make a bill look small. The file
says what a million tokens cost, by the name that is typed::

    currency: EUR
    prices:
      openai:gpt-4.1: {in: 2.00, out: 8.00, cached: 0.50}
      llama3.3: {in: 0, out: 0}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.text import printable

MILLION = 1_000_000
LARGEST = 1_000_000
"""Bytes of such a file."""
_KEYS = ("in", "out", "cached")
_SHOWN = 8
_DEAREST = 1e9


class Price(NamedTuple):
    """Of a million tokens; `cached` None: what comes from a cache costs as any."""

    tokens_in: float
    tokens_out: float
    cached: float | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """A user's prices.

    Attributes:
        file: Its name.
        currency: In which they are, as it is written; perhaps empty.
        models: By name as typed.
    """

    file: str
    currency: str
    models: Mapping[str, Price]

    def check(self, names: Iterable[str]) -> None:
        """Hold the file to the models that will be asked: unknown is never free.

        Raises:
            ConfigError: One has no price; the text says which ones have.
        """
        for name in names:
            if name not in self.models:
                known = [printable(known, 60) for known in self.models]
                more = f" and {len(known) - _SHOWN} more" if known[_SHOWN:] else ""
                raise ConfigError(
                    f"--safety-prices {self.file}: it has no price of "
                    f"{printable(name)!r}; it has {', '.join(known[:_SHOWN])}{more}: "
                    "write one, 0 for a model that costs nothing"
                )

    def cost(
        self, name: str, tokens_in: float, tokens_out: float, cached: float = 0
    ) -> float:
        """Return what tokens of a model cost; `cached` are a part of `tokens_in`."""
        price = self.models[name]
        known = price.tokens_in if price.cached is None else price.cached
        fresh = max(0.0, tokens_in - cached)
        spent = fresh * price.tokens_in + cached * known + tokens_out * price.tokens_out
        return spent / MILLION


def read_prices(path: Path) -> Prices:
    """Return the prices of a file.

    Raises:
        ConfigError: It can't be read, or holds something else.
    """
    who = f"--safety-prices {printable(path.name)}"
    document = _document(path, who)
    currency = document.get("currency", "")
    if (
        not isinstance(currency, str)
        or len(currency) > 12
        or printable(currency) != (currency)
    ):
        raise ConfigError(
            f"{who}: expected a short word as the currency, such as EUR; got "
            f"{printable(str(currency), 40)!r}"
        )
    odd = [printable(str(name), 40) for name in document]
    models = document.get("prices")
    if not isinstance(models, dict) or not models or document.keys() - _TOP:
        raise ConfigError(
            f"{who}: expected 'prices' with a price for each model, and perhaps "
            f"'currency'; got {', '.join(odd[:_SHOWN]) or 'nothing'}"
        )
    return Prices(
        printable(path.name),
        currency,
        {
            _named(name, who): _price(price, str(name), who)
            for name, price in models.items()
        },
    )


_TOP = {"currency", "prices"}


def _document(path: Path, who: str) -> dict[str, Any]:
    import yaml

    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{who}: more than {LARGEST:,} bytes are no price list")
        text = path.read_text(encoding="utf-8")
        _refuse_doubles(text, who)
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigError(f"{who}: can't be read ({reason})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", near line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{who}: is no YAML that can be read{where}") from None
    if not isinstance(document, dict):
        raise ConfigError(
            f"{who}: expected 'prices' with a price for each model, got "
            f"{'nothing' if document is None else type(document).__name__}"
        )
    return document


def _refuse_doubles(text: str, who: str) -> None:
    """Refuse a name that comes twice: YAML would take the last one's price."""
    import yaml

    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, yaml.MappingNode):
            continue
        seen.add(id(node))
        names = [key.value for key, _ in node.value if isinstance(key.value, str)]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(
                f"{who}: {printable(twice, 60)!r} stands there twice, and which price "
                "is meant is not known; leave one"
            )
        waiting += [value for _, value in node.value]


def _named(name: object, who: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(
            f"{who}: expected a model's name as it is typed, got "
            f"{printable(str(name), 60)!r}; put it in quotes"
        )
    return name.strip()


def _price(price: object, name: str, who: str) -> Price:
    shown = printable(name, 60)
    if not isinstance(price, dict) or not {"in", "out"} <= price.keys():
        raise ConfigError(
            f"{who}: {shown}: expected {{in: X, out: X}} and perhaps cached, what a "
            "million tokens cost"
        )
    if odd := [key for key in price if key not in _KEYS]:
        raise ConfigError(
            f"{who}: {shown}: expected in, out and cached, got "
            f"{printable(str(odd[0]), 40)!r}"
        )
    return Price(
        *(_amount(price[key], f"{shown}: {key}", who) for key in _KEYS if key in price)
    )


def _amount(value: Any, place: str, who: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= _DEAREST:  # neither NaN nor infinity is
        raise ConfigError(
            f"{who}: {place}: expected what a million tokens cost, a number from 0 "
            f"on; got {printable(str(value), 40)!r}"
        )
    return float(value)
