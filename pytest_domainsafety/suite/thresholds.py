"""Which threshold holds for a domain, and where it comes from: the one place.

In falling order: the command line for the domain, the ini file for the domain, the
suite file, the command line for all domains, the ini file for all, the default. An
option so replaces what it names and nothing else. Of several suite files of one
domain the strictest holds. Over-refusal has the same order without a default, and
engagement without the options by domain too: where nobody asks for one of the two
there is no such gate.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal, NamedTuple

from pytest_domainsafety.config.table import DEFAULT_THRESHOLD
from pytest_domainsafety.config.thresholds import ByDomain, ThresholdOptions
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.types import Suite

Place = Literal[
    "command line for the domain",
    "ini for the domain",
    "the run's own",
    "suite file",
    "command line for all",
    "ini for all",
    "default",
]


class Limit(NamedTuple):
    """A limit that a domain is held to, and where it was written."""

    share: float
    place: Place


class DomainLimits(NamedTuple):
    """What a domain is held to; None of what nobody asks for."""

    compliance: Limit
    engagement: Limit | None
    over_refusal: Limit | None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What all domains of a run are held to.

    Attributes:
        by_domain: Each domain that was asked about.
        otherwise: For any other domain.
    """

    by_domain: Mapping[str, DomainLimits]
    otherwise: DomainLimits

    def of(self, domain: str) -> DomainLimits:
        """Return what one domain is held to."""
        return self.by_domain.get(domain, self.otherwise)

    def only(self, domains: Container[str]) -> Thresholds:
        """Return these without the domains that an option names and no pair has."""
        kept = {name: held for name, held in self.by_domain.items() if name in domains}
        return replace(self, by_domain=kept)

    def special(self) -> Thresholds:
        """Return these without the domains that are held to what all others are."""
        return self.only(
            {name for name, held in self.by_domain.items() if held != self.otherwise}
        )

    @property
    def compliance(self) -> dict[str, float]:
        """Domain → the upper limit of compliance."""
        return {name: held.compliance.share for name, held in self.by_domain.items()}

    @property
    def places(self) -> dict[str, str]:
        """Domain → where its limit of compliance was written."""
        return {name: held.compliance.place for name, held in self.by_domain.items()}

    @property
    def engagement(self) -> dict[str, float]:
        """Domain → the lower limit of engagement, where there is one."""
        return {
            name: held.engagement.share
            for name, held in self.by_domain.items()
            if held.engagement is not None
        }

    @property
    def over_refusal(self) -> dict[str, float]:
        """Domain → the upper limit of over-refusal, where there is one."""
        return {
            name: held.over_refusal.share
            for name, held in self.by_domain.items()
            if held.over_refusal is not None
        }


@dataclass(frozen=True, slots=True)
class OwnThresholds:
    """By which a saved run was judged, where it is judged again."""

    compliance: Mapping[str, float]
    engagement: Mapping[str, float]
    over_refusal: Mapping[str, float] = field(default_factory=dict)


def resolve(
    suites: Iterable[Suite],
    options: ThresholdOptions,
    own: OwnThresholds | None = None,
) -> Thresholds:
    """Return what each domain is held to, and by whom.

    Args:
        suites: All suite files of the run; one may come several times.
        options: Of the command line and the ini file.
        own: Of a saved run that is judged again. Its thresholds were found by these
            rules once, suites and ini included: only the command line changes them.
    """
    files = tuple(suites)
    limits = strictest(
        (suite.domain, suite.threshold)
        for suite in files
        if suite.threshold is not None
    )
    least = strictest(
        (
            (suite.domain, suite.min_engagement)
            for suite in files
            if suite.min_engagement is not None
        ),
        max,
    )
    most = strictest(
        (suite.domain, suite.max_over_refusal)
        for suite in files
        if suite.max_over_refusal is not None
    )
    saved = own or OwnThresholds({}, {})
    names = {suite.domain for suite in files} | options.domains | options.twin_domains
    names |= saved.compliance.keys() | saved.engagement.keys()
    names |= saved.over_refusal.keys()
    return Thresholds(
        {
            name: DomainLimits(
                _compliance(name, options, saved, limits.get(name)),
                _engagement(name, options, saved, least.get(name)),
                _over_refusal(name, options, saved, most.get(name)),
            )
            for name in sorted(names)
        },
        DomainLimits(
            _compliance(None, options, saved, None),
            _engagement(None, options, saved, None),
            _over_refusal(None, options, saved, None),
        ),
    )


def changes(limits: Thresholds, own: OwnThresholds) -> Iterator[str]:
    """Yield a sentence for each limit that is not the one a run was judged by."""
    for domain, share in sorted(own.compliance.items()):
        now = limits.of(domain).compliance
        if now.share != share:
            yield (
                f"{domain}: judged by the threshold {now.share:g} ({now.place}), and "
                f"the run itself by {share:g}"
            )
    for domain, least in sorted(own.engagement.items()):
        asked = limits.of(domain).engagement
        if asked is not None and asked.share != least:
            yield (
                f"{domain}: judged by an engagement of at least {asked.share:g} "
                f"({asked.place}), and the run itself by {least:g}"
            )
    for domain, most in sorted(own.over_refusal.items()):
        asked = limits.of(domain).over_refusal
        if asked is not None and asked.share != most:
            yield (
                f"{domain}: judged by an over-refusal of at most {asked.share:g} "
                f"({asked.place}), and the run itself by {most:g}"
            )


def strictest(
    values: Iterable[tuple[str, float]],
    stricter: Callable[[float, float], float] = min,
) -> dict[str, float]:
    """Return the strictest value of each domain: the lowest, with `max` the highest."""
    shares: dict[str, float] = {}
    for domain, share in values:
        shares[domain] = stricter(share, shares.get(domain, share))
    return shares


def check_domains(
    place: str, named: Iterable[str], known: Iterable[str], where: str
) -> None:
    """Hold the domains that thresholds name against those that there are.

    Raises:
        ConfigError: There is no such domain; names one that is spelt like it.
    """
    domains = sorted(set(known))
    for name in sorted(set(named) - set(domains)):
        near = get_close_matches(name, domains, n=1)
        mean = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(
            f"{place} {name}=…: there is no domain {name!r} in {where} (there are: "
            f"{', '.join(domains)}){mean}"
        )


# ── one domain ──────────────────────────────────────────────────────────────

_Candidates = tuple[tuple[float | None, Place], ...]


def _compliance(
    domain: str | None,
    options: ThresholdOptions,
    own: OwnThresholds,
    suite: float | None,
) -> Limit:
    saved = None if domain is None else own.compliance.get(domain)
    places = _places(domain, options.command_line, options.ini, suite)
    limit = _by_places(domain, (*places, (DEFAULT_THRESHOLD, "default")), saved)
    assert limit is not None
    return limit


def _over_refusal(
    domain: str | None,
    options: ThresholdOptions,
    own: OwnThresholds,
    suite: float | None,
) -> Limit | None:
    places = _places(domain, options.over_refusal, options.ini_over_refusal, suite)
    saved = None if domain is None else own.over_refusal.get(domain)
    if saved is None and domain in own.compliance:
        # A saved run without this gate gets one from the command line alone.
        return _first((places[0], places[3]))
    return _by_places(domain, places, saved)


def _places(
    domain: str | None, typed: ByDomain, ini: ByDomain, suite: float | None
) -> _Candidates:
    """Return what each place says of a limit, in falling order."""
    return (
        (typed.get(domain), "command line for the domain"),
        (ini.get(domain), "ini for the domain"),
        (suite, "suite file"),
        (typed.get(None), "command line for all"),
        (ini.get(None), "ini for all"),
    )


def _by_places(
    domain: str | None, places: _Candidates, saved: float | None
) -> Limit | None:
    if domain is None:
        places = places[3:]
    if saved is not None:
        places = (places[0], places[3], (saved, "the run's own"))
    return _first(places)


def _engagement(
    domain: str | None,
    options: ThresholdOptions,
    own: OwnThresholds,
    suite: float | None,
) -> Limit | None:
    typed: tuple[float | None, Place] = (options.engagement, "command line for all")
    if domain in own.compliance or domain in own.engagement:
        saved = None if domain is None else own.engagement.get(domain)
        return _first((typed, (saved, "the run's own")))
    return _first(
        ((suite, "suite file"), typed, (options.ini_engagement, "ini for all"))
    )


def _first(candidates: _Candidates) -> Limit | None:
    for share, place in candidates:
        if share is not None:
            return Limit(share, place)
    return None
