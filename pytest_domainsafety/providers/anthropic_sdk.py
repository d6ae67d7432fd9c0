"""Anthropic's own Python package as the way to its servers, where it is installed.

It makes the requests, and knows the vendor's headers and versions. They go over our own
connections all the same, with our limits, proxies and sentences; what the servers
answer is read by the same code as without it; trying again is the engine's business.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pytest_domainsafety.errors import BadAnswer, ConfigError, DomainSafetyError
from pytest_domainsafety.providers.bodies import Answer
from pytest_domainsafety.providers.http import HttpServer

PACKAGE = "anthropic"
_NAMED = ("model", "max_tokens", "messages")
# Of the way the body came, which is unpacked and whole by then; and what we can't read.
_OF_THE_WAY = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_OURS = {"accept-encoding": "gzip, deflate"}


def is_installed() -> bool:
    """Tell whether the package is there; it is not imported yet."""
    return find_spec(PACKAGE) is not None


class SdkServer:
    """One server, spoken to by the vendor's package over our connections.

    Args:
        http: The same server, without the package.
        key: For its header; None where there is a token.
        token: Of a gateway or a login.
        timeout_s: Seconds for one request.
    """

    def __init__(
        self, http: HttpServer, key: str | None, token: str | None, timeout_s: float
    ) -> None:
        """Prepare; nothing is sent yet."""
        import anthropic  # 1 s that only this provider costs

        self._http = http
        self.shown, self.base, self.host = http.shown, http.base, http.host
        self.pace = http.pace
        self._package: Any = anthropic
        library = _http_library(anthropic)
        self._client: Any = anthropic.AsyncAnthropic(
            api_key=key,
            auth_token=token,
            base_url=http.base,
            max_retries=0,
            timeout=timeout_s,
            http_client=library.AsyncClient(transport=_bridge(library, http)),
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
        except package.AnthropicError as error:
            if isinstance(error.__cause__, DomainSafetyError):
                raise error.__cause__ from None
            raise BadAnswer(
                f"{self.shown}: the answer could not be read ({type(error).__name__})."
            ) from None
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{self.shown}: no request can be made by the installed package "
                f"{PACKAGE!r} ({type(error).__name__})."
            ) from None
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
        await self._http.aclose()


def _http_library(package: Any) -> Any:
    """Return the HTTP library that the installed version is built on."""
    client = package.DefaultAsyncHttpxClient
    base = next(kind for kind in client.__mro__ if kind.__name__ == "AsyncClient")
    return import_module(base.__module__.partition(".")[0])


def _bridge(library: Any, http: HttpServer) -> Any:
    """Return a transport of that library which sends over a server of ours."""

    class Bridge(library.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, request: Any) -> Any:
            answer = await http.forward(
                request.method,
                str(request.url).removeprefix(http.base),
                await request.aread() or None,
                dict(request.headers) | _OURS,
            )
            headers = {
                name: value
                for name, value in answer.headers.items()
                if name.lower() not in _OF_THE_WAY
            }
            return library.Response(
                answer.status_code, headers=headers, content=answer.content
            )

    return Bridge()
