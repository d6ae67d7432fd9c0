"""`domainsafety analyze`: records of any origin → estimates, gates and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pytest_domainsafety.commands._tables import (
    Read,
    echo,
    limits,
    percent,
    rows_of,
    settings_options,
    styled,
    write_text,
)
from pytest_domainsafety.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from pytest_domainsafety.analysis import AnalysisSettings, Stopped
    from pytest_domainsafety.analysis.gate import GatePolicy
    from pytest_domainsafety.runs.sources import Source
    from pytest_domainsafety.types import GateVerdict, Manifest, Results
    from pytest_domainsafety.types.rows import Row

USUAL = ("model", "domain")
PLAIN_WIDTH = 100
"""Columns where no terminal tells them."""
DIMENSIONS = (
    *USUAL,
    "subdomain",
    "tag",
    "framing",
    "variant",
    "condition",
    "codification",
)


def _names(
    _context: click.Context, _param: click.Parameter, value: str
) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    unknown = [name for name in names if name not in DIMENSIONS]
    if unknown or not names:
        raise ConfigError(
            f"--by {value}: expected some of {', '.join(DIMENSIONS)}, with commas"
        )
    return tuple(dict.fromkeys(names))


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--run", metavar="RUN", help="Of a store with several; as FILE#RUN.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write results.")
@click.option(
    "--by",
    default="model,domain",
    callback=_names,
    metavar="NAMES",
    help=f"Also a table by some of {', '.join(DIMENSIONS)}.",
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    type=Read("safety-threshold"),
    help="For all domains, or for one. Repeatable.",
)
@click.option(
    "--subdomain-threshold",
    type=Read("safety-subdomain-threshold"),
    help="Of sub-domains, or off (default: the runs' own, else the domain's).",
)
@click.option("--min-engagement", type=Read("safety-min-engagement"))
@click.option(
    "--max-over-refusal",
    "over_refusals",
    multiple=True,
    type=Read("safety-max-over-refusal"),
    help="For all domains, or for one. Repeatable.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Labels by people: limits corrected for the judge's error too.",
)
@click.option("--holm", is_flag=True, help="Correct the gates for their number.")
@click.option(
    "--allow-silence",
    is_flag=True,
    help="Judge a domain however many of its replies are empty.",
)
@click.option(
    "--suites",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Suite files, for what records do not say: codification, legal status.",
)
@click.option(
    "--whole",
    is_flag=True,
    help="Every pair of --suites must be there: one that is not counts as missing.",
)
@click.option(
    "--baseline",
    metavar="FILE",
    help="Also a gate for each regression against this run, as --safety-baseline.",
)
@click.option(
    "--baseline-tolerance",
    type=Read("safety-baseline-tolerance"),
    help="A rise of compliance up to this is no regression (default: the runs' own).",
)
@click.option(
    "--baseline-margin",
    multiple=True,
    type=Read("safety-baseline-margin"),
    help="Rise to be ruled out, as --safety-baseline-margin (default: the runs' own).",
)
@click.option(
    "--anyway", is_flag=True, help="Even if judge, rubric or sampling differ."
)
@click.option("--gate", is_flag=True, help="End with 1 or 10 where a gate fails.")
@settings_options
@click.pass_context
def analyze(context: click.Context, /, files: tuple[str, ...], **options: Any) -> None:
    """Say what judged records come to: a table, gates, and results as JSON.

    FILE is a store (its last finished whole run; FILE#RUN takes another), or records as
    JSONL, CSV, TSV or Parquet, perhaps compressed, with at least model, domain,
    scenario, framing and guidance. A folder is all files of records in it, and so is
    a pattern in quotation marks ('runs/*.parquet').
    Several stores are the shards of one run: name each, with --suites and --whole, so
    that one that is lost is no pass; and the baseline, if the run had one. Memory does
    not grow with the number of records.

    Exit status: 0 analysed; with --gate 1 where a gate failed, 10 where one could
    not be measured; 2 a file or an option can't be used.
    """
    from pytest_domainsafety.analysis.gate import status_of
    from pytest_domainsafety.runs.file_kinds import files_of
    from pytest_domainsafety.runs.record_blocks import advice
    from pytest_domainsafety.runs.sources import find_source

    files = tuple(file for named in files for file in files_of(named))
    # Of several stores each is a shard: a run of the part that was its own.
    shards = len(files) > 1 or options["whole"]
    sources = [
        find_source(file, options["run"], parts="too" if shards else "else")
        for file in files
    ]
    if (hint := advice([source.path for source in sources])) is not None:
        click.echo(hint, err=True)
    results = _analyze(sources, options)
    _show(results)
    if options["out"] is not None:
        from pytest_domainsafety.reporting.escape import json_text

        document = results.model_dump(by_alias=True)
        write_text(options["out"], json_text(document))
    if options["gate"]:
        context.exit(status_of(results))


def _analyze(sources: Sequence[Source], options: dict[str, Any]) -> Results:
    from pytest_domainsafety.analysis import analyze_rows
    from pytest_domainsafety.analysis.doubt import not_whole
    from pytest_domainsafety.analysis.leaks import leak_notes
    from pytest_domainsafety.runs.shards import joint_cost, joint_manifest, joint_owed
    from pytest_domainsafety.runs.sources import unfinished
    from pytest_domainsafety.suite.thresholds import check_domains

    if options["whole"] and not options["suites"]:
        raise ConfigError("--whole needs --suites: which pairs should be there?")
    manifest, reasons = joint_manifest(sources)
    if options["whole"] and reasons:
        raise SourceError("; ".join(reasons))
    if len(sources) > 1 and (cost := joint_cost(sources)):
        manifest = manifest.with_(cost=cost)
    if options["min_engagement"] is not None and not manifest.analytical:
        raise ConfigError(
            "--min-engagement: its run asked nothing analytical (--safety-framings "
            "operational), so nothing is known of engagement: leave the option out"
        )
    manifest = _labelled(sources, manifest, options["labels"])
    settings, of_run = _settings(manifest, options)
    legal = _legal(manifest, options["suites"])
    read = _reader(sources, options["suites"] if options["whole"] else (), manifest)
    policy, differences = _policy(sources, options)
    stopped = _stopped(sources, options, reasons)
    owed = joint_owed(sources)
    results = analyze_rows(read, settings, policy, manifest, legal, stopped, owed)
    if not results.domains:
        raise SourceError(f"{', '.join(map(str, sources))}: no record to be found")
    results = _compared(results, sources, settings, manifest, options)
    known = {estimate.domain for estimate in results.domains}
    for place, values in (
        ("--threshold", options["thresholds"]),
        ("--max-over-refusal", options["over_refusals"]),
        ("--baseline-margin", options["baseline_margin"]),
    ):
        named = {domain for domain, _ in values if domain is not None}
        check_domains(place, named, known, "these records")
    early = [
        f"{gate.domain} on {gate.model}: {len(gate.replies)} of {gate.planned} "
        "pairs were not asked in full, since the gate of its run was decided"
        for gate in manifest.cut_gates
    ]
    cut_off = [text for source in sources if (text := unfinished(source)) is not None]
    lost, notes = _lost(sources, options)
    warnings = [*early, *cut_off, *notes, *reasons, *of_run, *differences]
    warnings += leak_notes(manifest.leaks)

    def why(gate: GateVerdict) -> str | None:
        if cut_off:
            return "the run did not finish"
        came = lost.get((gate.model, gate.domain))
        return came and f"only {came} of its suites are in these stores"

    extra: dict[str, Any] = {
        "warnings": (*warnings, *results.warnings),
        "gates": not_whole(results.gates, why),
    }
    if options["by"] != USUAL:
        analysis = results.run.analysis
        judge = (analysis and analysis.judge) or ""
        table = _breakdown(read, options["by"], legal, judge, settings)
        extra["tables"] = dict(results.tables) | {"breakdown": table}
    return results.model_copy(update=extra)


def _labelled(
    sources: Sequence[Source], manifest: Manifest, path: Path | None
) -> Manifest:
    """Return the manifest with what labels tell of the judge that has the most.

    Of a run that was judged with labels it has an entry that tells nothing, so that
    no gate passes without them.
    """
    if path is None:
        return manifest
    from pytest_domainsafety.analysis.agreement import ByJudge
    from pytest_domainsafety.runs.label_tables import compared_labels, labels_entry
    from pytest_domainsafety.runs.labels import read_labels
    from pytest_domainsafety.runs.sources import open_records, open_rows

    labels = read_labels(path)
    for source in sources:
        if not source.path.is_file():
            raise SourceError(
                f"{source}: is a pipe, and can be read once; --labels takes a file"
            )
    first = ByJudge(open_rows(sources)).names()[0]
    entry = compared_labels(
        open_records(sources), labels, labels_entry(path, labels), first
    )
    return manifest.with_(labels=entry)


def _compared(
    results: Results,
    sources: Sequence[Source],
    settings: AnalysisSettings,
    manifest: Manifest,
    options: dict[str, Any],
) -> Results:
    """Hold the results against the baseline; the runs' own is never just left out."""
    from pytest_domainsafety.analysis import against, counts_in
    from pytest_domainsafety.config.thresholds import by_domain
    from pytest_domainsafety.runs.baseline import comparable, load_baseline, unasked
    from pytest_domainsafety.runs.comparisons import hold_to_baseline, rises_of
    from pytest_domainsafety.runs.sources import load_manifest, own_results

    manifests = [load_manifest(source) for source in sources]
    if options["baseline"] is not None:
        baseline = load_baseline(options["baseline"])
        counts = counts_in(results)
        analysis = results.run.analysis
        doubts = comparable(
            baseline,
            counts,
            manifest,
            judge=(analysis and analysis.judge) or "",
            anyway=options["anyway"],
        )
        rises = rises_of(
            manifests,
            options["baseline_tolerance"],
            by_domain("--baseline-margin", options["baseline_margin"], "margins"),
        )
        lost = unasked(baseline, counts, manifest)
        results = against(results, baseline.counts, settings, rises, lost)
        notes = (f"baseline: {doubt}" for doubt in doubts)
        results = results.model_copy(
            update={
                "warnings": (*results.warnings, *notes),
                "run": results.run.with_(baseline=baseline.entry(rises)),
            }
        )
    own = [own_results(source) for source in sources]
    return hold_to_baseline(results, zip(manifests, own, strict=True))


def _lost(
    sources: Sequence[Source], options: dict[str, Any]
) -> tuple[dict[tuple[str, str], str], list[str]]:
    """Return what of several stores' suites none of them has, and what can't be known.

    With --whole the suites themselves say what should be there.
    """
    from pytest_domainsafety.runs.shards import lost_parts

    stores = [source for source in sources if source.kind == "store"]
    if options["whole"] or len(stores) < 2:
        return {}, []
    note = (
        f"{len(stores)} stores are taken together: whether a shard is missing can be "
        "told with --whole and --suites alone"
    )
    return lost_parts(sources), [note]


def _stopped(
    sources: Sequence[Source], options: dict[str, Any], reasons: Sequence[str]
) -> dict[tuple[str, str], Stopped] | None:
    """Return the decided gates of a run; with other thresholds none is decided."""
    from pytest_domainsafety.runs.shards import joint_looks
    from pytest_domainsafety.runs.sources import own_results, stopped_of

    changed = options["thresholds"] or options["ci"] or options["estimand"]
    changed = changed or options["confidence"] or options["holm"]
    if changed or reasons:
        return None
    if len(sources) > 1:
        return joint_looks(sources)
    return stopped_of(own_results(sources[0]))


def _reader(
    sources: Sequence[Source], suites: Sequence[Path], manifest: Manifest
) -> Callable[[], Iterable[Row]]:
    """Return what begins to read; a pipe can't begin twice."""
    from pytest_domainsafety.runs.missing_rows import with_missing
    from pytest_domainsafety.runs.sources import open_rows

    begun = False

    def read() -> Iterable[Row]:
        nonlocal begun
        for source in sources:
            if begun and not source.path.is_file():
                raise SourceError(
                    f"{source}: is a pipe, and can be read once; several judges, or "
                    "--by, take a file"
                )
        begun = True
        rows = open_rows(sources)
        return with_missing(rows, suites, manifest) if suites else rows

    return read


def _settings(
    manifest: Manifest, options: dict[str, Any]
) -> tuple[AnalysisSettings, list[str]]:
    """Return by what intervals are made, and in what that is not as in the run."""
    from dataclasses import replace

    from pytest_domainsafety.runs.sources import settings_of

    names = {"ci": "method"}
    overrides = {
        names.get(name, name): options[name]
        for name in ("ci", "estimand", "confidence", "resamples", "seed")
        if options[name] is not None
    }
    own = settings_of(manifest)
    written = {"method", "estimand", "confidence"} & manifest.interval.model_fields_set
    changes = [
        f"judged with {name} {overrides[name]}, and the run itself with {was}"
        for name in sorted(written & overrides.keys())
        if overrides[name] != (was := getattr(own, name))
    ]
    return replace(own, **overrides), changes


def _policy(
    sources: Sequence[Source], options: dict[str, Any]
) -> tuple[GatePolicy, list[str]]:
    """Return by what the records are judged, and in what that is not as in the run."""
    from pytest_domainsafety.analysis.gate import GatePolicy
    from pytest_domainsafety.config.thresholds import ThresholdOptions, by_domain
    from pytest_domainsafety.runs.shards import joint_policy
    from pytest_domainsafety.suite import load_suites
    from pytest_domainsafety.suite.thresholds import OwnThresholds, changes, resolve

    run = joint_policy(sources)
    own = OwnThresholds(run.thresholds, run.min_engagements, run.max_over_refusals)
    thresholds = ThresholdOptions(
        by_domain("--threshold", options["thresholds"]),
        engagement=options["min_engagement"],
        over_refusal=by_domain("--max-over-refusal", options["over_refusals"]),
    )
    suites = load_suites(options["suites"]) if options["suites"] else ()
    limits = resolve((loaded.suite for loaded in suites), thresholds, own).special()
    part = options["subdomain_threshold"]
    least, most = limits.otherwise.engagement, limits.otherwise.over_refusal
    policy = GatePolicy(
        threshold=limits.otherwise.compliance.share,
        thresholds=limits.compliance,
        min_engagement=None if least is None else least.share,
        min_engagements=limits.engagement,
        max_over_refusal=None if most is None else most.share,
        max_over_refusals=limits.over_refusal,
        subdomain=run.subdomain if part is None else part,
        holm=run.holm or options["holm"],
        allow_silence=run.allow_silence or options["allow_silence"],
    )
    differences = list(changes(limits, own))
    if policy.subdomain != run.subdomain:
        differences.append(
            f"sub-domains are held to {policy.subdomain} "
            f"(--subdomain-threshold), and the run's own were to {run.subdomain}"
        )
    return policy, differences


def _legal(
    manifest: Manifest, suites: Sequence[Path]
) -> dict[str, dict[str, str | None]]:
    facts = ("codification", "legal_status")
    legal = {
        suite.domain: {fact: getattr(suite, fact) for fact in facts}
        for suite in manifest.suites.values()
    }
    if suites:
        from pytest_domainsafety.suite import load_suites

        for loaded in load_suites(suites):
            suite = loaded.suite
            legal[suite.domain] = {fact: getattr(suite, fact) for fact in facts}
    return legal


def _breakdown(
    read: Callable[[], Iterable[Row]],
    by: tuple[str, ...],
    legal: dict[str, dict[str, str | None]],
    judge: str,
    settings: AnalysisSettings,
) -> dict[str, Any]:
    from pytest_domainsafety.analysis import Breakdown, break_down

    codification = {domain: facts["codification"] for domain, facts in legal.items()}
    table = break_down(lambda: Breakdown(by, codification), read(), judge)
    return {"by": list(by), "rows": table.rows(settings)}


# ── on the terminal ─────────────────────────────────────────────────────────


def _show(results: Results) -> None:
    import sys
    from shutil import get_terminal_size

    from pytest_domainsafety.reporting.terminal import summary_lines

    lines = summary_lines(
        results,
        get_terminal_size((PLAIN_WIDTH, 24)).columns,
        encoding=sys.stdout.encoding or "utf-8",
    )
    for line, markup in lines:
        click.echo(styled(line, markup))
    table = results.tables.get("breakdown")
    if table is not None:
        echo()
        for line in _breakdown_lines(table["by"], table["rows"]):
            echo(line)


def _breakdown_lines(by: list[str], rows: list[dict[str, Any]]) -> list[str]:
    header = (*by, "pairs", "scored", "missing", "complied", "limits", "guidance")
    return rows_of(
        header,
        [
            (
                *(row[name] for name in by),
                str(row["clusters"]),
                str(row["scored"]),
                str(row["responses"] - row["scored"]),
                percent(row["compliance_rate"]),
                limits(row["ci"]),
                "–" if row["guidance_mean"] is None else f"{row['guidance_mean']:.2f}",
            )
            for row in rows
        ],
    )


commands: tuple[click.Command, ...] = (analyze,)
"""What this file adds to `domainsafety`."""
