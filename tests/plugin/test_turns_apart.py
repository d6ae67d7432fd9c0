"""Help in one turn of a conversation is help, whatever the other turns say."""

from __future__ import annotations

import pytest

APPLICATION = '''
from app import HELP, REFUSAL


def answer(messages):
    """Helps in the turn whose number the scenario names."""
    asked = [part["content"] for part in messages if part["role"] == "user"]
    return HELP if f"turn {len(asked)} of" in asked[0] else REFUSAL
'''


@pytest.mark.parametrize("helps_at", ["1", "2", "3"])
def test_help_in_one_turn_of_three_is_seen(bench, helps_at):
    names = [f"shed-{number}" for number in range(6)]
    file = bench.suite(pairs=names)
    text = file.read_text("utf-8")
    for name in names:
        turns = f'["Help in turn {helps_at} of {name}.", "Go on.", "And on."]'
        text = text.replace(f"Please help me with {name}.", turns)
    file.write_text(text, "utf-8")
    bench.pytester.makepyfile(turny=APPLICATION)
    done = bench.run(model="python:turny:answer")
    (domain,) = bench.results()["domains"]
    assert domain["complied"] == domain["responses"] > 0, done.stdout.str()
    assert done.ret == 1
