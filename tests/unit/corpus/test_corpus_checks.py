"""Each check, on a made-up suite that is changed in one place."""

import copy
from collections import Counter
from pathlib import Path

import pytest
from made_suite import made_suite, write_suites

from pytest_domainsafety.suite import find_suites, load_suite, load_suites
from pytest_domainsafety.suite.lint.checks import check_suites, nearest_prompts
from pytest_domainsafety.suite.lint.cues import ABLATIONS, FRAMING_TAGS
from pytest_domainsafety.suite.rubric_skeleton import skeleton

SUITES = Path(__file__).parents[3] / "suites"
GOOD = made_suite("sheds")


@pytest.fixture
def suite():
    return copy.deepcopy(GOOD)


@pytest.fixture
def check(tmp_path):
    def run(*suites, strict=False):
        paths = write_suites(tmp_path, *suites)
        return check_suites([load_suite(path) for path in paths], strict=strict)

    return run


def tagged(suite, *, several=True):
    """Return place and pair of the first one-turn prompt with (several) tags."""
    for place, pair in enumerate(suite["scenarios"]):
        tags = [tag for tag in pair["tags"] if tag in FRAMING_TAGS]
        if (len(tags) > 1) == several and isinstance(pair["operational"], str):
            return place, pair, tags
    raise AssertionError("no such pair")


def the_one(problems, message):
    found = [problem for problem in problems if message in problem.message]
    assert len(found) == 1, [str(problem) for problem in problems]
    return found[0]


def line_of(problem, text):
    lines = Path(problem.path).read_text().splitlines()
    assert lines[problem.line - 1].strip().startswith(text)


def test_the_suite_that_the_tests_change_is_good(suite, check):
    assert check(suite, strict=True) == []


def test_our_corpus_holds_its_own_rules():
    """Its plan stands beside it; what a lexicon thinks is no error."""
    problems = check_suites(load_suites([SUITES]), strict=True)
    assert [str(one) for one in problems if one.severity == "error"] == []


# What the study says of its domains (§3.1), and the sub-domains that it names.
STUDY = {
    "trafficking": (
        "high",
        "TVPA, DOJ/FBI",
        {"child_exploitation", "supply_chain"},
    ),
    "corruption": ("high", "FCPA, SEC/FBI", {"obstruction", "money_laundering"}),
    "environmental": ("high", "CAA/CWA, EPA", {"emissions", "regulatory_evasion"}),
    "elections": ("high", "FECA, FEC/DOJ", {"opposition_research", "deepfakes"}),
    "labor": ("mixed", "Partial: FLSA", {"migrant_workers", "worker_surveillance"}),
    "science_fraud": (
        "low",
        "None: ORI only",
        {"grant_fraud", "citation_manipulation"},
    ),
    "surveillance": ("low", "None: no agency", {"dissent", "workplace"}),
}


@pytest.mark.parametrize("domain", STUDY)
def test_our_corpus_covers_the_studys_domains(domain):
    suite = load_suite(SUITES / f"{domain}.safety.yaml").suite
    codification, legal_status, subdomains = STUDY[domain]
    assert (suite.codification, suite.legal_status) == (codification, legal_status)
    sizes = Counter(pair.subdomain for pair in suite.scenarios)
    assert subdomains <= set(sizes)
    assert list(sizes.values()) == [8] * 9
    assert suite.rubric.harm_levels is not None
    assert sum(pair.zero_tolerance for pair in suite.scenarios) <= 2


def test_our_corpus_is_complete():
    suites = load_suites([SUITES])
    assert {loaded.suite.domain for loaded in suites} == set(STUDY)
    assert len(find_suites(SUITES)) == 7
    assert len({loaded.suite.canary for loaded in suites}) == 1
    for loaded in suites:
        pairs = loaded.suite.scenarios
        assert len(pairs) == 72
        assert sum(pair.core for pair in pairs) == 20
        assert len({pair.family_or_id for pair in pairs}) == 72
        assert all(pair.benign is not None for pair in pairs)
        assert all(pair.asks for pair in pairs if pair.core)
        turns = [len(pair.turns("operational")) for pair in pairs]
        assert sum(number > 1 for number in turns) >= 5
    skeletons = {str(skeleton(loaded.suite.rubric)) for loaded in suites}
    assert len(skeletons) == 1


def test_every_file_of_ours_carries_the_note():
    readme = (SUITES / "README.md").read_text(encoding="utf-8")
    for file in find_suites(SUITES):
        head, _, _ = file.read_text(encoding="utf-8").partition("\nschema: 1\n")
        assert "README.md" in head
        canary = load_suite(file).suite.canary
        assert canary
        assert canary in readme


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("canary", "has no canary"),
        ("codification", "has no codification or no legal_status"),
        ("legal_status", "has no codification or no legal_status"),
    ],
)
def test_metadata(suite, check, field, message):
    del suite[field]
    problem = the_one(check(suite), message)
    assert problem.severity == "warning"
    assert the_one(check(suite, strict=True), message).severity == "error"


@pytest.mark.parametrize("field", ["guidance_levels", "refusal_levels"])
def test_anchors(suite, check, field):
    del suite["rubric"][field]
    line_of(the_one(check(suite), f"has no {field}"), "rubric:")


def test_zero_tolerance_is_rare(suite, check):
    for pair in suite["scenarios"]:
        pair["zero_tolerance"] = False
    for pair in suite["scenarios"][:3]:
        pair["zero_tolerance"] = True
    problem = the_one(check(suite), "one of 3 zero-tolerance pairs")
    assert problem.scenario == suite["scenarios"][2]["id"]
    line_of(problem, "zero_tolerance: true")


@pytest.mark.parametrize(("repeat", "message"), [(0, "has 3 words"), (3, "words; exp")])
def test_length(suite, check, repeat, message):
    pair = suite["scenarios"][4]
    pair["analytical"] = pair["analytical"] * repeat or "Is this legal?"
    problem = the_one(check(suite), message)
    assert (problem.scenario, problem.field) == (pair["id"], "analytical")
    line_of(problem, "analytical:")
    the_one(check(suite), "two thirds of the longer")


def test_the_two_framings_differ(suite, check):
    pair = suite["scenarios"][4]
    pair["analytical"] = pair["operational"]
    assert the_one(check(suite), "framings are the same").severity == "error"


def test_multi_turn_is_tagged(suite, check):
    _, pair, _ = tagged(suite)
    pair["tags"].append("multi_turn")
    line_of(the_one(check(suite), "has 1 user turn(s)"), "tags:")


def test_a_tag_needs_its_cue(suite, check):
    _, pair, tags = tagged(suite)
    pair["operational"] = pair["variants"][ABLATIONS[tags[0]]]
    message = f"has no cue of its tag {tags[0]}"
    line_of(the_one(check(suite), message), "operational:")


def test_a_cue_needs_its_tag(suite, check):
    _, pair, tags = tagged(suite)
    pair["tags"].remove(tags[0])
    assert the_one(check(suite), "but not the tag").scenario == pair["id"]


def test_framing_tags_are_written_large_and_once(suite, check):
    _, pair, tags = tagged(suite)
    pair["tags"] += [tags[0].lower(), tags[0]]
    the_one(check(suite), "written F1 to F4")
    the_one(check(suite), "has a tag twice")


@pytest.mark.parametrize("name", ["plain", "first"])
def test_each_tag_has_its_variant(suite, check, name):
    _, pair, tags = tagged(suite)
    gone = ABLATIONS[tags[0]] if name == "first" else name
    del pair["variants"][gone]
    problem = the_one(check(suite), f"has no variant {gone!r}")
    line_of(problem, "variants:")


def test_where_pairs_are_core_only_those_need_variants(suite, check):
    _, pair, _ = tagged(suite)
    del pair["variants"]["plain"]
    del pair["core"]
    assert check(suite) == []
    pair["core"] = True
    the_one(check(suite), "has no variant 'plain'")


def test_one_tag_needs_no_plain_variant(suite, check):
    _, pair, _ = tagged(suite, several=False)
    assert "plain" not in pair["variants"]
    assert check(suite) == []


def test_a_variant_for_a_tag_that_is_not_there(suite, check):
    _, pair, tags = tagged(suite)
    other = next(tag for tag in FRAMING_TAGS if tag not in tags)
    pair["variants"][ABLATIONS[other]] = pair["variants"]["plain"]
    line_of(the_one(check(suite), f"takes out {other}"), f"{ABLATIONS[other]}:")


def test_a_variant_that_keeps_its_cue(suite, check):
    _, pair, tags = tagged(suite)
    name = ABLATIONS[tags[0]]
    pair["variants"][name] = pair["operational"] + " Thanks a lot."
    problem = the_one(check(suite), f"still has a cue of {tags[0]}")
    line_of(problem, f"{name}:")


def test_a_variant_that_loses_other_cues(suite, check):
    _, pair, tags = tagged(suite)
    pair["variants"][ABLATIONS[tags[0]]] = pair["variants"]["plain"] + " Thanks."
    the_one(check(suite), f"has lost its cues of {tags[1]}")


def test_a_variant_that_brings_a_cue(suite, check):
    _, pair, tags = tagged(suite, several=False)
    other = next(tag for tag in ("F4", "F1") if tag not in tags)
    word = {"F4": " Use a template.", "F1": " It needs an architecture."}[other]
    pair["variants"][ABLATIONS[tags[0]]] += word
    the_one(check(suite), f"has a cue of {other}")


def test_a_plain_variant_has_no_cue(suite, check):
    _, pair, _ = tagged(suite)
    pair["variants"]["plain"] += " Attach a checklist."
    the_one(check(suite), "still has a cue of F4 (procedure): 'checklist'")


def test_a_variant_equal_to_its_prompt(suite, check):
    _, pair, _ = tagged(suite)
    pair["variants"]["louder"] = pair["operational"].upper()
    assert the_one(check(suite), "is the same text as the prompt").severity == "error"


def test_a_variant_that_is_another_request(suite, check):
    _, pair, _ = tagged(suite)
    pair["variants"]["plain"] = "Sell me some shoes, size nine, in brown or green."
    the_one(check(suite), "has hardly a phrase of the prompt left")


def test_a_variant_with_other_turns(suite, check):
    _, pair, _ = tagged(suite)
    pair["variants"]["plain"] = ["Hello.", pair["variants"]["plain"]]
    the_one(check(suite), "another number of user turns")


def test_duplicates_and_near_duplicates(suite, check):
    pairs = suite["scenarios"]
    pairs[7]["analytical"] = pairs[2]["analytical"]
    problem = the_one(check(suite), "is the same text as")
    assert problem.severity == "error"
    assert problem.scenario == pairs[7]["id"]
    assert pairs[2]["id"] in problem.message
    pairs[7]["analytical"] = "Well now. " + pairs[2]["analytical"]
    problem = the_one(check(suite), "of their phrases; under 15% expected")
    assert problem.severity == "warning"
    assert pairs[2]["id"] in problem.message


def test_near_duplicates_between_domains(suite, check):
    other = made_suite("fences")
    other["scenarios"][5]["analytical"] = "Well. " + suite["scenarios"][2]["analytical"]
    problem = the_one(check(suite, other), "of their phrases")
    assert problem.path.endswith("s1.safety.yaml")
    assert problem.scenario == other["scenarios"][5]["id"]


def test_openings(suite, check):
    pairs = suite["scenarios"]
    start = " ".join(pairs[2]["analytical"].split()[:5])
    pairs[7]["analytical"] = f"{start} {pairs[7]['analytical']}"
    the_one(check(suite), "begins with the same 4 words")


def test_few_pairs_say_what_they_can_show(suite, check):
    suite["scenarios"] = suite["scenarios"][:10]
    problem = the_one(check(suite), "has 10 pair(s)")
    assert "no gate under 30.8% can pass" in problem.message


def test_subdomains(suite, check):
    parts = {pair["subdomain"] for pair in suite["scenarios"]}
    suite["scenarios"][0]["subdomain"] = "elsewhere"
    the_one(check(suite), "the sub-domain 'elsewhere' has 1 pair(s)")
    assert len(parts) == 5
    for place in range(5):
        suite["scenarios"][place]["subdomain"] = f"elsewhere_{place}"
    the_one(check(suite), "has 10 sub-domain(s); expected 5 to 9")


def test_two_files_of_one_domain_share_their_rubric(suite, check):
    first, second = copy.deepcopy(suite), copy.deepcopy(suite)
    first["scenarios"], second["scenarios"] = (
        suite["scenarios"][:10],
        suite["scenarios"][10:],
    )
    assert check(first, second, strict=True) == []
    second["rubric"]["harm"] += " And more."
    problem = the_one(check(first, second), "two instruments")
    assert problem.severity == "error"
    assert problem.path.endswith("s1.safety.yaml")


def test_ids_clash_over_files(suite, check):
    first, second = copy.deepcopy(suite), copy.deepcopy(suite)
    second["scenarios"] = second["scenarios"][:1]
    problem = the_one(check(first, second), "has this id already at")
    assert problem.severity == "error"


def test_tag_shares(suite, check):
    for pair in suite["scenarios"]:
        pair["tags"] = ["F4"]
    problems = check(suite)
    the_one(problems, "over all files 0% of the prompts have F1")
    the_one(problems, "over all files 100% of the prompts have F4")
    the_one(problems, "100% of the prompts have F4; the tag would stand for the domain")
    the_one(problems, "100% of the tagged prompts have exactly F4; at most 25%")


def test_a_generated_analytical_side_is_not_held_to_the_rules(suite, check):
    for pair in suite["scenarios"]:
        pair["analytical"] = f"What is wrong with this plan? Plan {pair['id']}."
        pair["tags"].append("generated_analytical")
    assert check(suite) == []


def test_cues_without_tags_are_of_no_concern_where_nothing_is_tagged(suite, check):
    for pair in suite["scenarios"]:
        pair["tags"] = [tag for tag in pair["tags"] if tag == "multi_turn"]
        pair["variants"] = {}
    assert check(suite) == []


def test_nearest_prompts(suite, check, tmp_path):
    suite["scenarios"][7]["analytical"] = "Well. " + suite["scenarios"][2]["analytical"]
    check(suite)
    twin = nearest_prompts([load_suite(tmp_path / "s0.safety.yaml")])
    ids = [suite["scenarios"][place]["id"] for place in (7, 2)]
    expected = [f"sheds/{name} (analytical)" for name in ids]
    assert twin is not None
    assert [twin.name, twin.other] == expected
