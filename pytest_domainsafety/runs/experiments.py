"""What experiments of a saved run come to, without pytest."""

from __future__ import annotations

from pytest_domainsafety.analysis import analyze_rows
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.sources import (
    Source,
    find_source,
    load_manifest,
    load_results,
    open_rows,
    own_results,
    policy_of,
    settings_of,
)
from pytest_domainsafety.types import Results


def experiment_results(named: str) -> Results:
    """Return the results of a run that asked variants.

    A run by an older version, whose results do not say what its variants come to, is
    analysed anew.

    Args:
        named: A store (perhaps with #RUN), a results file or records.

    Raises:
        SourceError: It is not to be had, or asked no variant.
        StoreError: The store can't be read.
        RecordError: A record does not hold.
    """
    source = find_source(named, parts="else")
    results = load_results(source)
    if results.tables.get("ablation"):
        return results
    if results.tables.get("variants"):
        if source.kind == "results":
            raise SourceError(
                f"{source}: results of an older version, which do not say what their "
                "variants come to; name the store or the records behind them"
            )
        return _anew(source)
    raise SourceError(
        f"{source}: no variant was asked in this run, or none has a score: ask them "
        "with pytest --safety-variants all"
    )


def _anew(source: Source) -> Results:
    manifest = load_manifest(source)
    return analyze_rows(
        lambda: open_rows([source]),
        settings_of(manifest),
        policy_of(own_results(source), manifest),
        manifest,
    )
