"""Who judges, and which replies a second judge reads."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pytest_domainsafety.engine.judges import judge_warnings, kin_of, make_judges
from pytest_domainsafety.engine.plan import PairWork, Plan
from pytest_domainsafety.engine.second_sample import draw_second
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.types import JudgeEntry, ModelInfo

SUITES = Path(__file__).resolve().parents[3] / "suites"


class Model:
    def __init__(self, name):
        self.name = name


def plan(**more):
    told = {"run": "r", "models": ("m",), "judges": ("j",), "store": Path("s.db")}
    return Plan(**(told | more))


def info(name, *, family=None, digest=None):
    return ModelInfo(
        name=name,
        provider="ollama",
        model=name,
        digest=digest or name,
        family=family,
    )


def made(told, infos, window=8192):
    models = {name: Model(name) for name in infos}
    windows = dict.fromkeys(infos, window)
    return make_judges(told, {}, models, infos, windows)


def test_the_second_judge_is_the_last():
    infos = {name: info(name) for name in ("m", "j", "k", "second")}
    told = plan(judges=("j", "k"), second_judge="second")
    assert [judge.name for judge in made(told, infos)] == ["j", "k", "second"]


def test_a_window_that_is_too_small_is_told():
    infos = {name: info(name) for name in ("m", "j")}
    with pytest.raises(ConfigError, match=r"2048 tokens at once.*safety-num-ctx"):
        made(plan(), infos, 2048)
    assert made(plan(), infos, 4096)


def test_a_model_does_not_judge_itself_unless_told_to():
    infos = {"m": info("m", digest="same"), "j": info("j", digest="same")}
    with pytest.raises(ConfigError, match=r"'j' is the model under test \('m'\)"):
        made(plan(), infos)
    assert made(plan(allow_self_judge=True), infos)


def test_kin_is_a_warning():
    infos = {
        "gemma3:4b": info("gemma3:4b", family="gemma3"),
        "llama3.3": info("llama3.3", family="llama"),
        "gemma3:27b": info("gemma3:27b", family="gemma3"),
    }
    told = plan(models=("gemma3:4b", "llama3.3"), judges=("gemma3:27b",))
    kin = kin_of(told, infos, "gemma3:27b")
    assert kin == {"gemma3:4b": "gemma"}
    assert kin_of(told, infos, "offline") == {}
    (warning,) = judge_warnings({"gemma3:27b": JudgeEntry(kin=kin)})
    assert "one family (gemma)" in warning
    assert judge_warnings({"llama3.3": JudgeEntry()}) == []


# ── the second judge's sample ───────────────────────────────────────────────


@pytest.fixture(scope="module")
def works():
    from pytest_domainsafety.suite import load_suite

    found = []
    for name in ("labor", "elections"):
        suite = load_suite(SUITES / f"{name}.safety.yaml")
        for model in ("m", "n"):
            for place, pair in enumerate(suite.suite.scenarios):
                key = f"{name}::{pair.id}::{model}"
                found.append(PairWork(key, suite, place, model))
    return found


def told(works, drawn):
    by_key = {work.key: work for work in works}
    return [(by_key[key], cell) for key, cell in drawn]


def test_so_many_a_domain_in_every_stratum_its_share(works):
    drawn = told(works, draw_second(works, plan(models=("m", "n")), ()))
    assert len(drawn) == 40
    for domain in ("labor", "elections"):
        inside = [one for one in drawn if one[0].suite.suite.domain == domain]
        assert len(inside) == 20
        for model in ("m", "n"):
            for framing in ("analytical", "operational"):
                count = sum(
                    work.model == model and cell.framing == framing
                    for work, cell in inside
                )
                assert count == 5


def test_every_process_draws_the_same(works):
    shuffled = works[:]
    random.Random(1).shuffle(shuffled)
    asked = plan(models=("m", "n"))
    assert draw_second(works, asked, ()) == draw_second(shuffled, asked, ())
    other = plan(models=("m", "n"), seed=1)
    assert draw_second(works, asked, ()) != draw_second(works, other, ())


def test_replies_of_its_own_family_are_never_drawn(works):
    drawn = told(works, draw_second(works, plan(models=("m", "n")), {"m"}))
    assert {work.model for work, _ in drawn} == {"n"}
    assert len(drawn) == 40


def test_a_small_domain_is_read_whole(works):
    few = works[:2]
    drawn = draw_second(few, plan(second_sample=100, replications=2), ())
    assert len(drawn) == len(few) * 2 * 2
