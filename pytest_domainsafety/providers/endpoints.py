"""Where an OpenAI-compatible server answers: a base address as people write it.

They paste the address of one call, leave the version in the query, or name Azure's
resource, deployment or project. All of that is one address and three paths.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.text import printable

AZURE_VERSION = "2024-10-21"
"""The last version of Azure's data plane that is no preview; v1 needs none."""

_AZURE_HOST = re.compile(
    r"https?://[^/]*\.(?:azure\.(?:com|us|cn)|azure-api\.net|microsoft\.com)(?::\d+)?(?:/|$)"
)
_DEPLOYMENTS = "/openai/deployments/"


class Endpoint(NamedTuple):
    """One server.

    Attributes:
        base: What the paths are appended to.
        chat: Path of chat completions, with a query where there is one.
        responses: Path of Responses.
        models: Path of the list of models; None where none knows the name asked for.
        azure: Whether the key goes into Azure's header.
        prefers_responses: Whether that is what was named.
    """

    base: str
    chat: str
    responses: str
    models: str | None
    azure: bool = False
    prefers_responses: bool = False


def read_endpoint(url: str) -> Endpoint:
    """Read the address of an OpenAI-compatible server, as far as ``/v1`` or further."""
    head, mark, query = url.strip().partition("?")
    head = head.rstrip("/")
    if _DEPLOYMENTS in head:
        return read_azure(url, "")
    base = head.removesuffix("/chat/completions").removesuffix("/responses")
    return Endpoint(
        base,
        f"/chat/completions{mark}{query}",
        f"/responses{mark}{query}",
        f"/models{mark}{query}",
        azure=_AZURE_HOST.match(head) is not None,
        prefers_responses=head.endswith("/responses"),
    )


def read_azure(url: str, deployment: str, version: str = "") -> Endpoint:
    """Read an address of Azure: a resource, one of its deployments, or its v1 API.

    Args:
        url: For example ``https://NAME.openai.azure.com``.
        deployment: Its name; empty takes the one in the address.
        version: Of the API, where the address has none in its query.

    Raises:
        ConfigError: The address is of another deployment, or names none.
    """
    head, _, query = url.strip().partition("?")
    head = head.rstrip("/")
    root, found, rest = head.partition(_DEPLOYMENTS)
    named = unquote(rest.partition("/")[0])
    if found and deployment and named != deployment:
        raise ConfigError(
            f"The address is of Azure's deployment {printable(named)!r} and the model "
            f"is {printable(deployment)!r}; name the resource alone, or the same."
        )
    plain = head.removesuffix("/chat/completions").removesuffix("/responses")
    if not found and plain.endswith("/v1"):
        return read_endpoint(url)._replace(azure=True)
    if "api-version=" not in query:
        query = "&".join(
            filter(None, (query, f"api-version={version or AZURE_VERSION}"))
        )
    if not found and plain.endswith("/models"):  # several vendors' models, by name
        chat = f"/chat/completions?{query}"
        return Endpoint(plain, chat, f"/responses?{query}", None, azure=True)
    if not (named or deployment):
        raise ConfigError(
            "The address names no deployment of Azure's; write azure:DEPLOYMENT."
        )
    path = f"{_DEPLOYMENTS}{quote(named or deployment, safe='')}"
    return Endpoint(
        root.removesuffix("/openai"),
        f"{path}/chat/completions?{query}",
        "/openai/v1/responses",
        None,
        azure=True,
    )
