"""The study's tables 2 to 11 in its order, with its published figures beside ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pytest_domainsafety.reporting.escape import markdown
from pytest_domainsafety.reporting.experiments import Words
from pytest_domainsafety.reporting.html.comparisons import framing_tags
from pytest_domainsafety.reporting.html.markup import Figure, Section, Table
from pytest_domainsafety.reporting.html.page import render_study
from pytest_domainsafety.reporting.html.sections import agreement_figure
from pytest_domainsafety.reporting.html.study import (
    effect,
    hierarchy,
    legal,
    ranges,
    strata,
    variance,
)
from pytest_domainsafety.reporting.markdown import words_table
from pytest_domainsafety.reporting.numbers import (
    limits,
    listed,
    number,
    p_value,
    percent,
    spoken,
)
from pytest_domainsafety.types import Results
from pytest_domainsafety.types.experiments import REPLICATION, Replication

StudyFigures = Mapping[str, Any]
"""The study's own, as they ship with the package (`analysis/published.json`)."""
Make = Callable[[Results], "Filled | None"]
_FINDING = {
    "strata": "the two strata",
    "order": "the order of the domains",
    "hierarchy": "the hierarchy of the models",
}


class Filled(NamedTuple):
    """What a run has of one table."""

    words: Words
    notes: tuple[str, ...] = ()


class StudyTable(NamedTuple):
    """One table of the study.

    Attributes:
        number: The study's; None of what stands beside its tables.
        words: None where this run lacks an input, which `notes` then names.
    """

    number: int | None
    title: str
    words: Words | None
    notes: tuple[str, ...]

    @property
    def heading(self) -> str:
        """Its number and title."""
        return (
            self.title if self.number is None else f"Table {self.number}. {self.title}"
        )


def study_tables(results: Results, *, beside: bool = False) -> list[StudyTable]:
    """Return all of the study's tables, those without inputs too.

    Args:
        results: Of core pairs.
        beside: Show the published figures although no model is the study's.
    """
    shown = beside or bool(results.tables.get("same_models"))
    tables = []
    for number_, title, make, needs in _TABLES:
        filled = make(results)
        if filled is None:
            tables.append(StudyTable(number_, title, None, (f"not here: {needs}",)))
            continue
        words, notes = filled
        theirs = _PUBLISHED.get(number_) if shown and number_ is not None else None
        if theirs is not None:
            words = _beside(words, theirs(_published(results)))
        tables.append(StudyTable(number_, title, words, notes))
    return tables


def replication_lines(results: Results) -> Iterator[str]:
    """Say in words what of the study's findings is found here, and on which models."""
    same = results.tables.get("same_models") or []
    ours = list(dict.fromkeys(one.model for one in results.domains))
    if same:
        yield (
            f"{listed(list(same))} of {listed(ours)} have names of the study's models, "
            "whose published figures are of all five together"
        )
    else:
        yield (
            f"{listed(ours)}: none is a model of the study, so this is a replication "
            "on other models"
        )
    judge = _published(results)["judge"]
    judges = list(results.run.judges)
    if judges and judges != [judge]:
        yield f"judged by {listed(judges)}, and the study by {judge}"
    for one in REPLICATION.validate_python(results.tables.get("replication") or []):
        yield f"{_FINDING[one.finding]}: {one.verdict}{_why(one, results)}"


def _why(one: Replication, results: Results) -> str:
    figures = _published(results)
    if one.finding == "strata" and one.statistic is not None:
        within = f"; η² {figures['strata']['2']['eta_squared']:.2f} there"
        ours = (results.tables.get("strata") or {}).get("2") or {}
        if "eta_squared" in ours:
            within += f", {ours['eta_squared']:.2f} here"
        if not one.apart:
            return f": all {one.size} domains are in the study's stratum{within}"
        apart = listed([spoken(name) for name in one.apart])
        return f": {apart} of {one.size} domains in the other stratum{within}"
    if one.finding == "order" and one.statistic is not None:
        told = f": Kendall's τ {number(one.statistic)} with the study's order over "
        told += f"{one.size} domains, permutation p {p_value(one.p)}"
        return told + (f"; {one.why}" if one.why else "")
    if one.finding == "hierarchy" and one.p is not None:
        theirs = figures["hierarchy"]
        told = f": mean Spearman correlation {number(one.statistic)} over {one.size} "
        told += f"models, permutation p {p_value(one.p)} "
        told += f"(the study: {theirs['mean_spearman']:.2f}, "
        told += f"{p_value(theirs['permutation_p'])})"
        return told + (f"; {one.why}" if one.why else "")
    return f" ({one.why})"


def study_markdown(
    results: Results, tables: list[StudyTable], said: tuple[str, ...]
) -> str:
    """Return the tables as Markdown; every name is escaped."""
    lines = ["# The study's tables", ""]
    lines += [f"- {markdown(text)}" for text in said]
    lines += [f"- warning: {markdown(text)}" for text in results.warnings]
    for table in tables:
        lines += ["", f"## {markdown(table.heading)}", ""]
        if table.words is not None:
            lines += [*words_table(table.words), ""]
        lines += [markdown(note) + "  " for note in table.notes]
    return "\n".join(lines).rstrip() + "\n"


def study_page(
    results: Results, tables: list[StudyTable], said: tuple[str, ...]
) -> str:
    """Return the tables as one HTML page that opens offline."""
    sections = []
    for place, table in enumerate(tables):
        figures: tuple[Figure, ...] = ()
        if table.words is not None:
            words = Table(*table.words)
            figures = (Figure(table.title, words, open=True),)
        anchor = f"table-{table.number or place}"
        sections.append(Section(anchor, table.heading, "", figures, table.notes))
    return render_study(results, sections, said)


# ── the tables ──────────────────────────────────────────────────────────────


def _of(name: str, figure: Callable[[Any], Figure]) -> Make:
    """Return a maker of what a figure of the report shows as a table."""

    def make(results: Results) -> Filled | None:
        table = results.tables.get(name)
        return _filled(figure(table)) if table else None

    return make


def _filled(figure: Figure | None) -> Filled | None:
    if figure is None or not figure.table.rows:
        return None
    table = figure.table
    words = Words(table.caption, table.columns, table.rows)
    return Filled(words, (figure.note,) if figure.note else ())


def _domains(results: Results) -> Filled | None:
    if not results.domains:
        return None
    over: Mapping[str, Any] = results.tables.get("domains") or {}
    rows = [
        (
            spoken(domain),
            number(row.get("pairs")),
            percent(row["compliance_rate"]),
            limits(row.get("ci_pairs")),
            limits(row["ci"]),
        )
        for domain, row in over.items()
    ] or [
        (
            spoken(one.domain),
            number(one.pairs),
            percent(one.compliance_rate),
            limits((one.ci.low, one.ci.high)),
            limits(one.ci_percentile),
        )
        for one in results.domains
    ]
    columns = ("Domain", "#Pairs", "#Rate", "#Limits", "#Limits as the study's")
    note = (
        "A pair is one cluster with all its models; the study's own limits take each "
        "model's answers to a pair for a pair of their own."
    )
    return Filled(Words("Compliance by domain", columns, tuple(rows)), (note,))


def _thresholds(results: Results) -> Filled | None:
    rates: dict[str, dict[str, tuple[float, int]]] = {}
    for one in results.domains:
        for level, rate in one.by_threshold.items():
            if rate is not None:
                won, tried = rates.setdefault(one.domain, {}).get(level, (0.0, 0))
                rates[one.domain][level] = (won + rate * one.scored, tried + one.scored)
    if not rates:
        return None
    rows = tuple(
        (
            spoken(domain),
            *(
                percent(levels[level][0] / levels[level][1])
                if levels.get(level, (0, 0))[1]
                else "–"
                for level in ("2", "3", "4")
            ),
        )
        for domain, levels in rates.items()
    )
    theirs = _published(results)["threshold_kendall"]
    notes = tuple(
        f"Kendall's τ-b between the orders at ≥ {pair.replace('-', ' and ≥ ')}: "
        f"{number(found.get('tau'))} (the study: {theirs[pair]:.2f})."
        for pair, found in (results.tables.get("threshold_kendall") or {}).items()
        if pair in theirs
    )
    columns = ("Domain", "#Guidance ≥ 2", "#≥ 3 (complies)", "#≥ 4")
    return Filled(Words("Threshold sensitivity", columns, rows), notes)


def _gap(results: Results) -> Filled | None:
    known = [one for one in results.domains if one.cells]
    if not known:
        return None
    rows = tuple(
        (
            spoken(one.domain),
            one.model,
            percent(one.hypocrisy_rate),
            limits(one.hypocrisy_ci),
            *(
                percent(one.cells.get(cell))
                for cell in ("knows_refuses", "knows_helps", "refuses_both", "neither")
            ),
        )
        for one in known
    )
    columns = (
        *("Domain", "Model", "#Knows and helps", "#Limits", "#Knows, refuses"),
        *("#Knows, helps", "#Refuses both", "#Neither"),
    )
    return Filled(Words("Knowledge–action gap", columns, rows))


_TABLES: tuple[tuple[int | None, str, Make, str], ...] = (
    (2, "Compliance by domain", _domains, "it takes scored replies"),
    (
        3,
        "Strata of domains",
        _of("strata", strata),
        "it takes three domains that differ",
    ),
    (4, "Threshold sensitivity", _thresholds, "it takes scored replies"),
    (
        5,
        "Variance of guidance by source",
        _of("variance", variance),
        "it takes several models with the same pairs",
    ),
    (
        6,
        "Model hierarchy",
        _of("hierarchy", hierarchy),
        "it takes three models and two domains",
    ),
    (7, "Knowledge–action gap", _gap, "it takes analytical replies"),
    (
        8,
        "Range over sub-domains",
        _of("intra_domain", ranges),
        "it takes several sub-domains in a domain",
    ),
    (
        9,
        "Analytical against operational framing",
        _of("condition_effect", effect),
        "it takes analytical replies",
    ),
    (
        10,
        "Framing tags",
        lambda results: _filled(framing_tags(results)),
        "it takes prompts with and without a tag",
    ),
    (
        11,
        "Agreement of two judges",
        lambda results: _filled(agreement_figure(results)),
        "it takes a second judge (--safety-second-judge)",
    ),
    (
        None,
        "Legal institutionalisation, beside Table 3",
        _of("legal", legal),
        "it takes three domains whose suites say their legal status",
    ),
)


# ── what was published ──────────────────────────────────────────────────────


def _published(results: Results) -> StudyFigures:
    figures: StudyFigures = results.tables["published"]
    return figures


def _beside(words: Words, theirs: Mapping[str, str]) -> Words:
    """Return a table with the published figure in a last column."""
    rows = tuple((*row, theirs.get(row[0], "–")) for row in words.rows)
    return Words(words.caption, (*words.columns, "#The study's"), rows)


def _rates(figures: StudyFigures) -> dict[str, str]:
    return {spoken(name): percent(rate) for name, rate in figures["rates"].items()}


def _etas(figures: StudyFigures) -> dict[str, str]:
    strata_ = figures["strata"]
    return {
        groups: f"η² {row['eta_squared']:.3f}"
        + (
            ": " + " | ".join(", ".join(map(spoken, g)) for g in row["groups"])
            if "groups" in row
            else ""
        )
        for groups, row in strata_.items()
    }


def _shares(figures: StudyFigures) -> dict[str, str]:
    from pytest_domainsafety.reporting.html.study import PARTS

    found = figures["variance"]
    return {label: percent(found[name]["share"]) for name, label in PARTS.items()}


def _gaps(figures: StudyFigures) -> dict[str, str]:
    return {
        spoken(name): f"{percent(row['min'])} to {percent(row['max'])}"
        for name, row in figures["intra_domain"].items()
    }


_PUBLISHED: dict[int, Callable[[StudyFigures], dict[str, str]]] = {
    2: _rates,
    3: _etas,
    5: _shares,
    8: _gaps,
}
