"""The console command as a user meets it: text and an exit status."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from click.testing import CliRunner

from pytest_domainsafety.cli import USAGE_STATUS, group
from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.types import Record


class Done(NamedTuple):
    """What a command came to."""

    status: int
    text: str

    def sentence(self) -> str:
        """The one line that says what is wrong."""
        assert self.status == USAGE_STATUS, self.text
        (line,) = self.text.strip().splitlines()
        return line


@pytest.fixture
def cli():
    """Run `domainsafety` on arguments; a user's mistake is no exception."""

    def run(*args, stdin=None):
        done = CliRunner().invoke(group, [str(arg) for arg in args], input=stdin)
        if isinstance(done.exception, DomainSafetyError):
            return Done(USAGE_STATUS, f"{done.output}{done.exception}")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.output)

    return run


def _records(
    complies=(), *, pairs=12, domains=("labor",), model="m", run="r", **fields
):
    """Records of a whole run, two replications; `complies` are pairs by number."""
    return [
        Record(
            run=run,
            model=model,
            domain=domain,
            subdomain=f"part{pair % 2}",
            scenario=f"s{pair}",
            framing=framing,
            replication=replication,
            guidance=4 if framing == "operational" and pair in complies else 1,
            refusal=2,
            harm_identification=5,
            tags=("F1",) if pair % 3 else ("F1", "F2"),
            prompt_hash=f"p{pair}",
            **{"judge": "offline", **fields},
        )
        for domain in domains
        for pair in range(pairs)
        for framing in ("analytical", "operational")
        for replication in (1, 2)
    ]


@pytest.fixture
def records():
    """Make the records of a run."""
    return _records


@pytest.fixture
def write(tmp_path):
    """Write records as JSONL; return the path."""

    def jsonl(name, rows):
        path = tmp_path / name
        path.write_text("".join(row.model_dump_json() + "\n" for row in rows))
        return path

    return jsonl
