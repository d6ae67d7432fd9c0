"""Anthropic's own Python package as the way to its servers, where it is installed.

It sends, and knows the vendor's headers, proxies and addresses; what its servers answer
is read by the same code as without it. Trying again is the engine's business.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    RequestTimeout,
    ServerUnreachable,
)
from pytest_domainsafety.providers.base import ProviderSettings, check_length
from pytest_domainsafety.providers.bodies import Answer
from pytest_domainsafety.providers.connections import read_address
from pytest_domainsafety.providers.rate_limits import Pace

PACKAGE = "anthropic"
_NAMED = ("model", "max_tokens", "messages")


def is_installed() -> bool:
    """Tell whether the package is there; it is not imported yet."""
    return find_spec(PACKAGE) is not None


class SdkServer:
    """One server, spoken to by the vendor's package.

    Args:
        url: The base URL, without ``/v1``.
        settings: Its time-outs.
        headers: The key, and no more than that.
        hint: What to do where the server can't be reached.
    """

    def __init__(
        self, url: str, settings: ProviderSettings, headers: dict[str, str], hint: str
    ) -> None:
        """Prepare; nothing is sent yet."""
        import anthropic  # 1 s that only this provider costs

        address = read_address(url)
        self.shown, self.base, self.host = address.shown, address.base, address.host
        self.hint = hint
        self._most = settings.max_reply_bytes
        self.pace = Pace()
        self._package: Any = anthropic
        self._client: Any = anthropic.AsyncAnthropic(
            api_key=headers.get("x-api-key"),
            auth_token=headers.get("authorization", "").partition(" ")[2] or None,
            base_url=address.base,
            max_retries=0,
            timeout=anthropic.Timeout(
                settings.read_timeout_s or settings.timeout_s,
                connect=settings.connect_timeout_s,
            ),
            default_headers=dict(address.login) or None,
        )

    async def send(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request and return the whole answer, whatever its status.

        Raises:
            ProviderError: No whole answer came.
            ConfigError: No request can be made of it.
        """
        package = self._package
        try:
            if method == "POST":
                # Of what the API takes the package names a part, another in each
                # version (2.14 has no temperature); the rest goes along as it is.
                rest = {name: body[name] for name in body if name not in _NAMED}
                raw = await self._client.messages.with_raw_response.create(
                    **{name: body[name] for name in _NAMED}, extra_body=rest
                )
            else:
                model = path.rpartition("/v1/models/")[2]
                raw = await self._client.models.with_raw_response.retrieve(model)
            answer: Answer = raw.http_response
        except package.APIStatusError as error:
            answer = error.response
        except package.APITimeoutError:
            raise RequestTimeout(
                f"{self.shown}: no answer in the time allowed."
            ) from None
        except package.APIConnectionError as error:
            kind = type(error.__cause__ or error).__name__
            raise ServerUnreachable(
                f"{self.shown}: nothing answers there ({kind}); {self.hint}."
            ) from None
        except package.AnthropicError as error:
            raise BadAnswer(
                f"{self.shown}: the answer could not be read ({type(error).__name__})."
            ) from None
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{self.shown}: no request can be made by the installed package "
                f"{PACKAGE!r} ({type(error).__name__})."
            ) from None
        check_length(len(answer.content), self._most, self.shown)
        self.pace.note(answer.headers, busy=answer.status_code == 429)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
