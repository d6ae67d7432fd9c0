"""What the options say of thresholds, each place by itself.

Which of them holds for a domain says :mod:`pytest_domainsafety.suite.thresholds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pytest_domainsafety.errors import ConfigError

ByDomain = Mapping[str | None, float]
"""Domain → share; under None what holds for all domains."""


@dataclass(frozen=True, slots=True)
class ThresholdOptions:
    """The thresholds of the command line and of the ini file.

    Attributes:
        command_line: Of `--safety-threshold`.
        ini: Of `safety_threshold`.
        engagement: Of `--safety-min-engagement`, which is for all domains.
        ini_engagement: Of `safety_min_engagement`.
        over_refusal: Of `--safety-max-over-refusal`.
        ini_over_refusal: Of `safety_max_over_refusal`.
    """

    command_line: ByDomain = field(default_factory=dict)
    ini: ByDomain = field(default_factory=dict)
    engagement: float | None = None
    ini_engagement: float | None = None
    over_refusal: ByDomain = field(default_factory=dict)
    ini_over_refusal: ByDomain = field(default_factory=dict)

    @property
    def domains(self) -> set[str]:
        """The domains that either place names for compliance."""
        return {name for name in (*self.command_line, *self.ini) if name is not None}

    @property
    def twins(self) -> ByDomain:
        """What either place says of over-refusal; a gate on it asks the twins."""
        return {**self.ini_over_refusal, **self.over_refusal}

    @property
    def twin_domains(self) -> set[str]:
        """The domains that either place names for over-refusal."""
        return {name for name in self.twins if name is not None}


def by_domain(
    place: str, values: Iterable[tuple[str | None, float]], what: str = "thresholds"
) -> ByDomain:
    """Return the thresholds, or other limits, of one place by domain.

    Args:
        place: For messages: `--safety-threshold`, `ini value safety_threshold`.
        values: As written, in their order.
        what: They are, for messages.

    Raises:
        ConfigError: Two values for one domain differ; neither is the right one.
    """
    shares: dict[str | None, float] = {}
    for domain, share in values:
        other = shares.setdefault(domain, share)
        if other != share:
            name = "" if domain is None else f"{domain}="
            raise ConfigError(
                f"{place}: {name}{other:g} and {name}{share:g} are two {what} for "
                f"{domain or 'all domains'} in one place; leave one of them out"
                + ("" if place.startswith("ini") else " (addopts are part of it)")
            )
    return shares
