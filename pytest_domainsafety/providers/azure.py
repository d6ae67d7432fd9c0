"""Azure's deployments of OpenAI's models: ``azure:DEPLOYMENT``."""

from __future__ import annotations

import os

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.endpoints import Endpoint, read_azure
from pytest_domainsafety.providers.openai import OpenAIModel

HINT = "check AZURE_OPENAI_ENDPOINT, the address of your resource"


class AzureModel(OpenAIModel):
    """One deployment of a resource, with its own path, key header and API version.

    Args:
        name: As the user typed it.
        rest: The deployment's name, or its address with or without the call's path.
        settings: Endpoints are addresses of the resource or the deployment; without
            any, AZURE_OPENAI_ENDPOINT. OPENAI_API_VERSION is the version where the
            address has none.

    Raises:
        ConfigError: There is no address, or it is of another deployment.
    """

    hint = HINT

    def __init__(self, name: str, rest: str, settings: ProviderSettings) -> None:
        """Prepare; nothing is asked yet."""
        self._typed = rest
        super().__init__(
            name,
            _deployment(rest),
            settings,
            "azure",
            key_variable="AZURE_OPENAI_API_KEY",
        )

    def _endpoints(self) -> list[Endpoint]:
        urls = self._settings.endpoints_for("azure") or tuple(
            filter(None, (os.environ.get("AZURE_OPENAI_ENDPOINT"),))
        )
        if _is_url(self._typed):
            urls = (self._typed,)
        if not urls:
            raise ConfigError(
                f"The model {self.name!r} needs the address of its resource: set "
                "AZURE_OPENAI_ENDPOINT, or write --safety-endpoint "
                "azure=https://NAME.openai.azure.com."
            )
        version = os.environ.get("OPENAI_API_VERSION") or os.environ.get(
            "AZURE_OPENAI_API_VERSION", ""
        )
        return [read_azure(url, self._model, version) for url in urls]

    def _headers(self, endpoint: Endpoint) -> dict[str, str]:
        headers = super()._headers(endpoint)
        token = os.environ.get("AZURE_OPENAI_AD_TOKEN")
        if token and not headers:
            return {"authorization": f"Bearer {token.strip()}"}
        return headers


def _is_url(text: str) -> bool:
    return text.startswith(("https://", "http://"))


def _deployment(rest: str) -> str:
    """Return a deployment's name, also of an address that names it."""
    if not _is_url(rest):
        return rest
    _, found, path = rest.partition("?")[0].partition("/openai/deployments/")
    if not found or not path.partition("/")[0]:
        raise ConfigError(
            "The address behind 'azure:' names no deployment; write azure:DEPLOYMENT "
            "and give the address with --safety-endpoint azure=URL."
        )
    return path.partition("/")[0]
