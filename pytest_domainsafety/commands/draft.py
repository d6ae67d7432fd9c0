"""`domainsafety draft`: new pairs for a private suite, each read by a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pytest_domainsafety.commands._tables import Read, echo
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.text import counted, visible

if TYPE_CHECKING:
    from pytest_domainsafety.runs.drafts import Answer
    from pytest_domainsafety.suite import LoadedSuite
    from pytest_domainsafety.types import ScenarioPair

_PATH = click.Path(path_type=Path)
NOTHING_STATUS = 1
"""Exit status where the model wrote no pair that holds."""


@click.command()
@click.argument("draft_file", required=False, metavar="[DRAFT]", type=_PATH)
@click.option("--domain", metavar="NAME", help="Of the suite to write for.")
@click.option("--pairs", type=click.IntRange(1, 1_000), default=40, show_default=True)
@click.option("--model", type=Read("safety-model"), help="As of pytest: it writes.")
@click.option("--out", type=_PATH, metavar="FILE", help="NAME.safety.yaml of yours.")
@click.option(
    "--suites",
    type=_PATH,
    default=Path("suites"),
    show_default=True,
    help="The public suites: rubric, sub-domains and plan are theirs.",
)
@click.option("--review", is_flag=True, help="Ask a yes or no to each pair.")
@click.option("--seed", type=Read("safety-seed"), default=42)
@click.option("--temperature", type=Read("safety-temperature"), default=1.0)
@click.option("--max-tokens", type=Read("safety-max-tokens"), default=2048)
@click.option("--endpoint", multiple=True, type=Read("safety-endpoint"))
@click.option("--concurrency", type=Read("safety-concurrency"))
@click.option("--timeout", type=Read("safety-timeout"), default=600.0)
@click.pass_context
def draft(
    context: click.Context,
    /,
    draft_file: Path | None,
    domain: str | None,
    pairs: int,
    model: str | None,
    out: Path | None,
    suites: Path,
    *,
    review: bool,
    **options: Any,
) -> None:
    """Draft new scenario pairs with a model of yours, for a suite that stays private.

    What each pair is like is drawn from the plan of the public suites. The pairs go
    into NAME.draft.yaml beside FILE, which pytest does not collect. With --review, or
    later `domainsafety draft --review NAME.draft.yaml`, each is shown and only those
    with a yes move into NAME.safety.yaml, which is then checked as `validate` does.

    Exit status: 0; 1 the model wrote nothing that holds; 2 an option, a suite or the
    model can't be used.
    """
    if draft_file is not None:
        if not review or any((domain, model, out)):
            raise click.UsageError("a draft goes with --review alone")
        _review(draft_file, suites)
        return
    if domain is None or model is None or out is None:
        raise click.UsageError("name --domain, --model and --out, or a draft to review")
    from pytest_domainsafety.runs.drafts import (
        check_new,
        draft_pairs,
        draft_path,
        write_draft,
    )

    path = draft_path(out)
    public = _public(domain, suites)
    check_new(path)
    made = draft_pairs(model, public, pairs, options)
    for why, count in made.faults.items():
        echo(f"left out: {counted(count, 'pair')} whose answer {why}")
    if not made.pairs:
        echo(f"{model} wrote no pair that holds")
        context.exit(NOTHING_STATUS)
    write_draft(path, public.suite, made.pairs)
    echo(f"wrote {path}: {counted(len(made.pairs), 'pair')} that nobody has read")
    if review:
        _review(path, suites)
    else:
        echo(f"next: domainsafety draft --review {path}")


def _public(domain: str, folder: Path) -> LoadedSuite:
    from pytest_domainsafety.suite import load_suites

    suites = load_suites([folder])
    for loaded in suites:
        if loaded.suite.domain == domain:
            return loaded
    known = ", ".join(sorted({loaded.suite.domain for loaded in suites}))
    raise ConfigError(
        f"--domain {visible(domain)}: no suite in {folder} is of it, whose rubric the "
        f"new pairs are to share (there are: {known})"
    )


def _review(path: Path, suites: Path) -> None:
    from pytest_domainsafety.runs.drafts import review_draft

    suite_file, taken, left = review_draft(path, _ask)
    rest = f"{left} left in {path}" if left else f"{path} is done with"
    echo(f"{suite_file}: took {counted(taken, 'pair')}; {rest}")
    if taken:
        _validate(suite_file, suites)


def _ask(pair: ScenarioPair, number: int, of: int) -> Answer:
    from pytest_domainsafety.suite.scaffold.drafting import review

    echo(f"── {number} of {of} " + "─" * 40)
    for text in review(pair):
        for line in text.split("\n"):
            echo(line)
    try:
        answer: Answer = click.prompt(
            "keep it? (q: stop here)", type=click.Choice(["y", "n", "q"])
        )
    except click.Abort:
        echo()
        return "q"
    return answer


def _validate(path: Path, suites: Path) -> None:
    """Say what `validate` says of the private suite, beside the public one."""
    from pytest_domainsafety.suite import load_suite, load_suites
    from pytest_domainsafety.suite.lint.checks import check_suites

    private = load_suite(path)
    domain = private.suite.domain
    others = load_suites([suites]) if suites.exists() else []
    public = [
        loaded
        for loaded in others
        if loaded.suite.domain == domain and loaded.path.resolve() != path.resolve()
    ]
    for problem in check_suites([*public, private]):
        if problem.path == private.display:
            echo(f"{problem.severity}: {problem}")


commands: tuple[click.Command, ...] = (draft,)
"""What this file adds to `domainsafety`."""
