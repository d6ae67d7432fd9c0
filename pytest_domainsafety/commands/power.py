"""`domainsafety power`: how many pairs a gate needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pytest_domainsafety.commands._tables import (
    WIDEST_NAME,
    Read,
    echo,
    percent,
    rows_of,
)
from pytest_domainsafety.errors import ConfigError, SourceError
from pytest_domainsafety.text import counted, printable

if TYPE_CHECKING:
    from pytest_domainsafety.stats import Power

MOST_REPLICATIONS = 1_000
PAIRS_SHOWN = (5, 10, 20, 40, 60, 72, 100, 150, 200)
REQUESTS = 72
"""Operational ones whose best split is shown: of a domain of the shipped corpus."""


@click.command()
@click.option("--threshold", type=Read("safety-min-engagement"), metavar="X")
@click.option(
    "--rate", type=Read("safety-min-engagement"), metavar="X", help="True compliance."
)
@click.option(
    "--icc",
    type=Read("safety-min-engagement"),
    metavar="X",
    help="Intra-cluster correlation (default: 0.55, the study's).",
)
@click.option("--replications", type=Read("safety-replications"), default="1")
@click.option("--confidence", type=Read("safety-confidence"), default="0.95")
@click.option(
    "--chance",
    type=Read("safety-min-engagement"),
    default="0.8",
    metavar="X",
    help="Share of runs that shall pass (default: 0.8).",
)
@click.option("--pairs", type=Read("safety-replications"), help="Only this many.")
@click.option(
    "--ci",
    "method",
    type=click.Choice(("guarded", "exact")),
    default="guarded",
    help="Interval of the gate.",
)
@click.option(
    "--stop",
    type=click.Choice(("none", "sequential", "anytime")),
    help="When a run may end (default: none; of --from the run's own).",
)
@click.option(
    "--requests",
    type=Read("safety-replications"),
    metavar="N",
    help="Operational requests whose best split is shown (default: 72).",
)
@click.option("--runs", type=Read("safety-resamples"), default="2000", metavar="N")
@click.option(
    "--from",
    "source",
    metavar="FILE",
    help="Rate and correlation of each domain, from a store, results or records.",
)
def power(source: str | None, **options: Any) -> None:
    """Say how likely a gate passes, and how many scenario pairs that takes.

    Runs are simulated: pairs' rates from a beta distribution with the true rate
    and the correlation, replies from each pair's rate, and the guarded
    (or exact) limit of each run held against the threshold. --stop says what
    --safety-stop does in the run: looks after each third of the pairs (sequential), or
    a bet that may end after any pair (anytime).

    Exit status: 0; 2 a number is missing or can't be used.
    """
    from pytest_domainsafety.stats.power_analysis import MOST_SIMULATED
    from pytest_domainsafety.types import FEWEST_PAIRS

    pairs = options["pairs"]
    if pairs is not None and pairs < FEWEST_PAIRS:
        raise ConfigError(f"--pairs: fewer than {FEWEST_PAIRS} never pass a gate")
    if pairs is not None and pairs > MOST_SIMULATED:
        raise ConfigError(f"--pairs: at most {MOST_SIMULATED:,} are simulated")
    if options["replications"] > MOST_REPLICATIONS:
        message = f"--replications: at most {MOST_REPLICATIONS:,} are simulated"
        raise ConfigError(message)
    if options["requests"] is not None and (
        not FEWEST_PAIRS <= options["requests"] <= MOST_SIMULATED
    ):
        raise ConfigError(
            f"--requests: expected {FEWEST_PAIRS} to {MOST_SIMULATED:,} operational "
            "requests of a domain"
        )
    if options["method"] != "guarded" and options["stop"] not in (None, "none"):
        raise ConfigError(
            f"--stop {options['stop']} has limits of its own: leave --ci away"
        )
    if source is not None:
        lines = _of_a_run(source, options)
    elif options["threshold"] is None or options["rate"] is None:
        raise ConfigError("power needs --threshold X and --rate X, or --from FILE")
    else:
        lines = _of_a_plan(options)
    for line in lines:
        echo(line)


def _of_a_plan(options: Mapping[str, Any]) -> Iterator[str]:
    from pytest_domainsafety.stats import pairs_for_power
    from pytest_domainsafety.stats.power_analysis import (
        STUDY_ICC,
        pairs_without_compliance,
    )
    from pytest_domainsafety.stats.power_analysis import power as simulate
    from pytest_domainsafety.stats.simulated import stop_of

    icc = STUDY_ICC if options["icc"] is None else options["icc"]
    rate, threshold, confidence = (
        options["rate"],
        options["threshold"],
        options["confidence"],
    )
    design: dict[str, Any] = {
        "replications": options["replications"],
        "icc": icc,
        "confidence": confidence,
        "runs": options["runs"],
        "method": options["method"],
        "stop": stop_of(options["stop"]),
    }
    yield (
        f"true rate {rate:.1%}, threshold {threshold:.1%}, correlation {icc:.2f}, "
        f"{counted(options['replications'], 'replication')}, {confidence:.0%} limits"
        f"{_plan_words(options)}, {options['runs']} simulated runs"
    )
    yield ""
    # A line as soon as it is known: the header is wider than any cell under it.
    header = (
        "pairs",
        "passes",
        "shown worse",
        "lowest threshold in reach",
        "mean requests",
    )
    yield from rows_of(header, ())
    for pairs in (options["pairs"],) if options["pairs"] else PAIRS_SHOWN:
        with _at_work(f"simulating {pairs:,} pairs"):
            estimate = simulate(rate, threshold, pairs, **design)
        row = (estimate.passes, estimate.exceeds, estimate.smallest_threshold)
        cells = (str(pairs), *(percent(share) for share in row))
        yield rows_of(header, ((*cells, f"{estimate.requests:.0f}"),))[-1]
    yield ""
    yield from _splits(rate, threshold, options["requests"] or REQUESTS, design)
    yield ""
    if 0 < threshold < 1:
        fewest = pairs_without_compliance(
            threshold, confidence=confidence, stop=design["stop"]
        )
        yield f"without one complying reply, {fewest} pairs pass {threshold:.1%}"
    with _at_work("looking for the number of pairs"):
        needed = pairs_for_power(rate, threshold, chance=options["chance"], **design)
    yield (
        f"{needed} pairs pass in {options['chance']:.0%} of the runs"
        if needed is not None
        else _hopeless(rate, threshold, options["chance"])
    )


def _plan_words(options: Mapping[str, Any]) -> str:
    if options["method"] == "exact":
        return ", exact limits"
    return {
        "sequential": ", looks after each third of the pairs",
        "anytime": ", a bet that may end after any pair",
    }.get(options["stop"] or "", "")


def _splits(
    rate: float, threshold: float, requests: int, design: Mapping[str, Any]
) -> Iterator[str]:
    """Show what so many requests buy, by how often each pair is asked."""
    from pytest_domainsafety.stats.power_analysis import power as simulate
    from pytest_domainsafety.stats.power_analysis import splits_of

    found = []
    for pairs, times in splits_of(requests):
        with _at_work(f"simulating {pairs:,} pairs {times} times"):
            estimate = simulate(
                rate, threshold, pairs, **{**design, "replications": times}
            )
        found.append((f"{pairs} × {times}", estimate))
    yield f"what {requests} operational requests buy, as pairs × replications:"
    header = ("split", "passes", "shown worse", "mean requests")
    rows = [
        (
            split,
            percent(estimate.passes),
            percent(estimate.exceeds),
            f"{estimate.requests:.0f}",
        )
        for split, estimate in found
    ]
    yield from rows_of(header, rows)
    best, how = max(
        found,
        key=lambda entry: (_settled(rate, threshold, entry[1]), -entry[1].requests),
    )
    if _settled(rate, threshold, how):
        yield f"best split: {best}"
    else:
        yield "no split of so many requests settles it"


def _settled(rate: float, threshold: float, estimate: Power) -> float:
    return estimate.passes if rate < threshold else estimate.exceeds


@contextmanager
def _at_work(words: str) -> Iterator[None]:
    """Say on a terminal what is computed; it is gone when the result is there."""
    shown = sys.stderr.isatty()
    if shown:
        click.echo(f"{words} …", err=True, nl=False)
    try:
        yield
    finally:
        if shown:
            click.echo("\r\x1b[2K", err=True, nl=False)


def _hopeless(rate: float, threshold: float, chance: float) -> str:
    if rate >= threshold:
        return "no number of pairs makes a model pass whose true rate is not below"
    return f"more than 5,000 pairs would be needed to pass in {chance:.0%} of the runs"


def _of_a_run(source: str, options: Mapping[str, Any]) -> Iterator[str]:
    from pytest_domainsafety.runs.sources import load_results
    from pytest_domainsafety.stats.power_analysis import STUDY_ICC
    from pytest_domainsafety.stats.power_analysis import power as simulate
    from pytest_domainsafety.stats.simulated import stop_of

    results = load_results(source)
    stop = stop_of(options["stop"] or results.run.stop)
    gates = {
        (gate.model, gate.domain): gate.threshold
        for gate in results.gates
        if gate.kind == "compliance"
    }
    rows = []
    for estimate in results.domains:
        rate = (
            options["rate"] if options["rate"] is not None else estimate.compliance_rate
        )
        limit = gates.get((estimate.model, estimate.domain))
        limit = options["threshold"] if options["threshold"] is not None else limit
        if rate is None or limit is None:
            continue
        icc = estimate.icc if options["icc"] is None else options["icc"]
        icc = STUDY_ICC if icc is None else min(1.0, max(0.0, icc))
        replications = max(1, round(estimate.scored / estimate.pairs))
        design: dict[str, Any] = {"replications": replications, "icc": icc}
        design |= {name: options[name] for name in ("confidence", "runs", "method")}
        design["stop"] = stop
        pairs = options["pairs"] or estimate.pairs
        with _at_work(f"simulating {printable(estimate.domain, WIDEST_NAME)}"):
            found = simulate(rate, limit, pairs, **design)
            needed = _needed(rate, limit, options["chance"], design)
        rows.append(
            (
                estimate.model,
                estimate.domain,
                str(pairs),
                percent(rate),
                f"{icc:.2f}",
                percent(limit),
                percent(found.passes),
                f"{found.requests:.0f}",
                needed,
            )
        )
    if not rows:
        raise SourceError(f"{source}: no domain in it has a scored operational reply")
    chance = f"pairs for {options['chance']:.0%}"
    plan = _plan_words({**options, "stop": stop})
    yield f"were the rates seen the true ones{plan}:"
    yield ""
    header = ("model", "domain", "pairs", "rate", "correlation", "threshold", "passes")
    yield from rows_of((*header, "mean requests", chance), rows)


def _needed(rate: float, limit: float, chance: float, design: Mapping[str, Any]) -> str:
    from pytest_domainsafety.stats import pairs_for_power

    pairs = pairs_for_power(rate, limit, chance=chance, **design)
    return "–" if pairs is None else str(pairs)


commands: tuple[click.Command, ...] = (power,)
"""What this file adds to `domainsafety`."""
