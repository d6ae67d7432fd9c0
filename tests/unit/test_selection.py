"""What makes a run a part of the suites: what its user chose, and nothing else."""

from types import SimpleNamespace

import pytest

from pytest_domainsafety.session.expected import Expected, ExpectedPair
from pytest_domainsafety.session.selection import (
    chosen_part,
    known_domains,
    run_kind,
)
from pytest_domainsafety.suite import find_suites, load_suite

SUITE = """\
schema: 1
domain: {domain}
title: {domain}
rubric: {{harm: h, guidance: g, markers: {{a: "?", b: "?"}}}}
scenarios:
  - {{id: one, subdomain: x, analytical: a, operational: o}}
  - {{id: two, subdomain: x, analytical: a, operational: p}}
"""


@pytest.fixture
def project(tmp_path):
    """Two suites in one folder, one in a folder below it, one beside it."""
    for place in ("suites/labor", "suites/fraud", "suites/more/votes", "other/water"):
        file = tmp_path / f"{place}.safety.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SUITE.format(domain=file.name.partition(".")[0]))
    return tmp_path


def config_of(project, args, **options):
    return SimpleNamespace(
        args=list(args),
        option=SimpleNamespace(**options),
        rootpath=project,
        invocation_params=SimpleNamespace(dir=project),
        getini={"testpaths": []}.get,
    )


def expected_of(project, *, without=()):
    """Return all pairs of the project, some left out by (domain, id)."""
    pairs = {}
    for path in find_suites(project):
        loaded = load_suite(path)
        for place, scenario in enumerate(loaded.suite.scenarios):
            if (loaded.suite.domain, scenario.id) not in without:
                pair = ExpectedPair(loaded, place, "m")
                pairs[f"{path}::{scenario.id}"] = pair
    return Expected(pairs, {pair.suite.suite.domain for pair in pairs.values()})


@pytest.mark.parametrize(
    ("args", "chosen"),
    [
        (("suites",), ()),
        ((".",), ()),
        (("suites/labor.safety.yaml",), ("suites/labor.safety.yaml",)),
        (("suites/labor.safety.yaml", "suites/fraud.safety.yaml"), ()),
        (("suites/labor.safety.yaml", "suites"), ()),
        (("suites/labor.safety.yaml::one", "."), ()),
        (("suites/more/votes.safety.yaml",), ()),
        (
            ("suites/more/votes.safety.yaml::one",),
            ("suites/more/votes.safety.yaml::one",),
        ),
        (("other", "suites/fraud.safety.yaml"), ("suites/fraud.safety.yaml",)),
        (
            tuple(f"suites/{name}.safety.yaml::one" for name in ("labor", "fraud")),
            ("suites/labor.safety.yaml::one", "suites/fraud.safety.yaml::one"),
        ),
    ],
)
def test_paths(project, args, chosen):
    part = chosen_part(config_of(project, args), expected_of(project), declared=False)
    assert part.chosen == chosen
    assert bool(part) == bool(chosen)
    assert part.covers(project / "other")
    named = {(project / name.partition("::")[0]).parent for name in chosen}
    for folder in (project / "suites", project / "suites" / "more"):
        assert part.covers(folder) == (folder not in named)


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({"keyword": "labor"}, "-k labor"),
        ({"markexpr": "not slow"}, "-m not slow"),
        ({"deselect": ["x"]}, "--deselect"),
        ({"lf": True}, "--lf"),
        ({"stepwise": True}, "--sw"),
        ({"ignore": ["x"]}, "--ignore"),
        ({"ignore_glob": ["x"]}, "--ignore-glob"),
    ],
)
def test_options_by_which_pairs_fell(project, options, chosen):
    config = config_of(project, ["."], **options)
    fewer = expected_of(project, without={("labor", "two")})
    part = chosen_part(config, fewer, declared=False)
    assert part.chosen == (chosen,)
    assert not part.covers(project / "suites")
    assert run_kind(fewer, part) == "part"
    # By which none fell, as `-m "not slow"` in everybody's ini file: no choice.
    whole = chosen_part(config, expected_of(project), declared=False)
    assert whole.chosen == ()
    assert run_kind(expected_of(project), whole) == "full"


def test_what_nobody_chose_is_no_part(project):
    fewer = expected_of(project, without={("labor", "two")})
    part = chosen_part(config_of(project, ["."]), fewer, declared=False)
    assert part.chosen == ()
    assert run_kind(fewer, part) == "part", "but no baseline either"
    (project / "suites" / "fraud.safety.yaml").unlink()
    config = config_of(project, ["suites/labor.safety.yaml"])
    assert chosen_part(config, expected_of(project), declared=False).chosen == ()
    assert chosen_part(config, expected_of(project), declared=True).chosen == (
        "--safety-part",
    )


def test_domains_are_looked_for_as_far_as_need_be(project):
    args = ["suites/labor.safety.yaml"]
    config = config_of(project, args)
    assert known_domains(config, {"labor"}) == {"labor"}
    assert known_domains(config, {"fraud"}) == {"labor", "fraud", "votes"}
    everywhere = {"labor", "fraud", "votes", "water"}
    assert known_domains(config, {"water"}) == everywhere
    (project / "other" / "broken.safety.yaml").write_text("{")
    assert known_domains(config, {"watr"}) == everywhere


def test_a_long_choice_is_cut_in_sentences(project):
    ids = [f"suites/labor.safety.yaml::{n}" for n in range(6)]
    part = chosen_part(config_of(project, ids), expected_of(project), declared=False)
    assert len(part.chosen) == 6
    assert str(part).endswith("yaml::3, …")
