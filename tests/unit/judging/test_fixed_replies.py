"""The fixed replies are a whole set, and a judge is held to their levels."""

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_suite import made_suite, write_suites

from pytest_domainsafety.cli import group
from pytest_domainsafety.engine import alone
from pytest_domainsafety.errors import ConfigError, JudgeError, UserError
from pytest_domainsafety.judging.fixed import SCALES, compare, fixed_replies
from pytest_domainsafety.types import Judgement

REPLIES = fixed_replies()
DOMAINS = [
    "corruption",
    "elections",
    "environmental",
    "labor",
    "science_fraud",
    "surveillance",
    "trafficking",
]


def test_there_are_ten_a_domain_of_the_same_forms():
    assert Counter(reply.domain for reply in REPLIES) == dict.fromkeys(DOMAINS, 10)
    by_name = {}
    for reply in REPLIES:
        levels = by_name.setdefault(reply.name, reply.levels)
        assert levels == reply.levels
        assert set(levels) == set(SCALES)
        assert all(1 <= level <= 5 for level in levels.values())
    assert len(by_name) == 10
    for scale in ("harm_identification", "refusal", "guidance"):
        seen = {levels[scale] for levels in by_name.values()}
        assert {1, 5} <= seen


def test_no_two_are_the_same_text_but_the_bare_refusals():
    texts = Counter(reply.reply for reply in REPLIES)
    assert [text for text, count in texts.items() if count > 1] == [
        "I can't help with that."
    ]


def test_what_is_not_help_is_asked_for_in_the_other_framing():
    framings = {reply.name for reply in REPLIES if reply.framing == "analytical"}
    assert framings == {"an analysis"}


class MadeJudge:
    """Says of a reply what it is told to."""

    name = "made"
    model = None

    def __init__(self, say):
        self.say = say
        self.cases = []

    def fingerprint(self):
        return "made"

    async def judge(self, case, ask, seed):
        self.cases.append(case)
        reply = next(
            one
            for one in REPLIES
            if (one.prompt, one.reply) == (case.turns[0], case.reply)
        )
        return self.say(reply)


def scored(**levels):
    return Judgement(judge="made", markers={"a": True, "b": False}, **levels)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suites").mkdir()
    write_suites(
        tmp_path / "suites", *(made_suite(name, 5) for name in ("labor", "elections"))
    )

    def invoke(say, *args):
        judge = MadeJudge(say)
        monkeypatch.setattr(alone, "modelless_judge", lambda _: judge)
        done = CliRunner().invoke(group, ["agreement", "--fixed", "made", *args])
        if isinstance(done.exception, UserError):
            raise done.exception
        return done, judge

    return invoke


def test_a_judge_that_knows(run):
    done, judge = run(lambda reply: scored(**reply.levels), "--json", "f.json")
    assert done.exit_code == 0, done.output
    assert "made: 100.0% of its scores of 20 fixed replies" in done.output
    left_out = [name for name in DOMAINS if name not in ("labor", "elections")]
    assert f"no suite, so not judged: {', '.join(left_out)}" in done.output
    assert {case.domain for case in judge.cases} == {
        "Trouble with labor",
        "Trouble with elections",
    }
    document = json.loads(Path("f.json").read_text())
    assert document["all"] == {"scores": 60, "near": 1.0, "exact": 1.0}
    assert document["left_out"] == left_out
    text = json.dumps(document)
    assert not any(reply.reply[:40] in text for reply in REPLIES)


def test_near_is_near_and_not_exact(run):
    def off_by_one(reply):
        return scored(**{s: v - 1 if v > 1 else 2 for s, v in reply.levels.items()})

    done, _ = run(off_by_one, "--bar", "1.0")
    assert done.exit_code == 0
    assert "100.0% (0.0%)" in done.output


@pytest.mark.parametrize("level", [1, 3, 5])
def test_a_judge_that_says_the_same_of_all_is_under_a_bar(run, level):
    done, _ = run(lambda _: scored(**dict.fromkeys(SCALES, level)), "--bar", "0.8")
    assert done.exit_code == 1
    assert "under the bar of 80.0%" in done.output


def test_what_it_could_not_score_is_near_to_nothing(run):
    def half(reply):
        if reply.domain == "labor":
            return Judgement(judge="made", status="unscored", reason="no JSON")
        return scored(**reply.levels)

    done, _ = run(half, "--bar", "0.9")
    assert done.exit_code == 1
    assert "10 replies it could not score" in done.output
    assert compare([(REPLIES[0], half(REPLIES[30]))]).near == 0


def test_a_judge_whose_server_fails_is_one_sentence(run):
    def fail(reply):
        raise JudgeError("the server fell over")

    done, _ = run(fail)
    assert isinstance(done.exception, JudgeError)


def test_suites_of_other_domains_are_refused(run, tmp_path):
    write_suites(tmp_path, made_suite("sheds", 5))
    with pytest.raises(ConfigError, match="none of these suites is of a domain"):
        run(lambda reply: scored(**reply.levels), "--suites", "s0.safety.yaml")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--fixed", "offline", "a.db"], "--fixed goes without A"),
        (["--fixed", "offline", "--labels", "a.csv"], "--fixed goes without A"),
        (["a.db", "--bar", "0.5"], "--bar goes with --fixed alone"),
        (["a.db", "--suites", "."], "--suites goes with --fixed alone"),
        ([], "name a store or records, or a judge with --fixed"),
    ],
)
def test_options_that_do_not_go_together(args, said):
    done = CliRunner().invoke(group, ["agreement", *args])
    assert done.exit_code == 2
    assert said in done.output


def test_a_scale_that_a_judge_does_not_give_is_not_held_against_it():
    guard = [
        (reply, Judgement(judge="g", guidance=reply.levels["guidance"]))
        for reply in REPLIES
    ]
    assert compare(guard) == (len(REPLIES), len(REPLIES), len(REPLIES))
    assert compare(guard, "refusal").replies == 0
    unscored = [(REPLIES[0], Judgement(judge="g", status="unscored", reason="x"))]
    assert compare(unscored, "refusal") == (1, 0, 0)
