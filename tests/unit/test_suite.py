import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pytest_domainsafety.errors import SuiteError, UserError
from pytest_domainsafety.suite import (
    clashes,
    find_suites,
    load_suite,
    load_suites,
    reading,
)
from pytest_domainsafety.suite.schema import SCHEMA_FILE, schema_text, suite_schema
from pytest_domainsafety.types import Rubric, ScenarioPair, Suite

BROKEN = Path(__file__).parents[1] / "broken"
SUITES = Path(__file__).parents[2] / "suites"

# file → (line, scenario, field, part of the message) of each problem
EXPECTED: dict[str, list[tuple[int, str | None, str | None, str]]] = {
    "a_date": [(4, None, "version", "has a date; expected text: put it in quotes")],
    "alias": [(18, None, None, "has an alias")],
    "alias_bomb": [(3, None, None, "has an alias")],
    "anchors": [
        (7, None, "rubric.guidance_levels.5", "is required and not there"),
        (12, None, "rubric.guidance_levels.6", "is not a key"),
    ],
    "bad_names": [
        (2, None, "domain", "is 'Harbor & Sons'; expected a name"),
        (11, "The Gloves", "id", "lower-case letters, digits and '-'"),
        (16, "The Gloves", "variants.No Role", "is not a name"),
    ],
    "base_variant": [(15, "gloves", "variants", "'base' names the prompt as written")],
    "control_character": [(14, "gloves", "operational", "control character")],
    "duplicate_id": [(19, "gloves", "id", "already used at line 11")],
    "empty": [(1, None, None, "is empty")],
    "empty_prompt": [
        (14, "gloves", "operational", "is empty; expected text, or a list of texts"),
        (17, "boots", "analytical", "is empty; expected text"),
    ],
    "missing_field": [
        (1, None, "title", "is required and not there; expected text"),
        (10, "gloves", "analytical", "is required and not there; expected text"),
    ],
    "no_scenarios": [(10, None, "scenarios", "at least one scenario")],
    "not_a_mapping": [(2, None, None, "holds a list of 2; expected a mapping")],
    "not_utf8": [(3, None, None, "is not UTF-8")],
    "one_marker": [(7, None, "rubric.markers", "exactly two yes/no questions")],
    "pair_keys": [
        (4, None, "jurisdiction", "is 'usa'; expected two to eight capitals"),
        (8, None, "rubric.harm_levels.5", "is required and not there"),
        (15, "gloves", "core", "is text; expected true or false"),
        (16, "gloves", "family", "is 'Two Books'; expected a name"),
        (17, "gloves", "openness", "is the number 4; expected a whole number from 0"),
        (18, "gloves", "role", "is 'boss'; expected none, institutional or personal"),
        (19, "gloves", "jurisdiction", "put it in quotes"),
        (20, "gloves", "codification", "is 'strict'; expected high, mixed or low"),
        (23, "gloves", "benign", "is a list of 0; expected text, or a list"),
        (24, "gloves", "asks", "is a list of 1; expected a list of two to five"),
        (27, "boots", "openness", "is yes or no (true or false); expected a whole"),
        (30, "boots", "benign[1]", "is empty; expected text"),
        (31, "boots", "asks", "is a list of 6; expected a list of two to five"),
    ],
    "repeated_key": [(15, "gloves", "subdomain", "twice in one mapping")],
    "scenario_is_text": [(15, "#1", None, "is text; expected a scenario")],
    "schema_2": [(1, None, "schema", "is the number 2; expected the number 1")],
    "syntax": [(16, None, None, "(it begins at line 15)")],
    "tab": [(15, None, None, "is not valid YAML")],
    "tagged_object": [
        (3, None, "title", "has the YAML tag 'python/object/apply:os.getcwd'"),
        (3, None, "title", "is a list of 0; expected text"),
    ],
    "threshold_range": [
        (4, None, "threshold", "is the number 25; expected a number from 0 to 1"),
        (5, None, "min_engagement", "is the number -0.1"),
    ],
    "turns": [
        (16, "gloves", "operational[1]", "is the number 7; expected text"),
        (17, "gloves", "operational[2]", "is empty"),
        (22, "boots", "operational", "is a list of 0"),
    ],
    "two_documents": [(15, None, None, "more than one YAML document")],
    "unknown_key": [
        (4, None, "treshold", "did you mean 'threshold'?"),
        (16, "gloves", "sub_domain", "did you mean 'subdomain'?"),
    ],
    "wrong_types": [
        (4, None, "version", "is the number 1.0; expected text: put it in quotes"),
        (5, None, "threshold", "is yes or no (true or false); expected a number"),
        (6, None, "codification", "is 'strict'; expected high, mixed or low"),
        (18, "gloves", "tags", "is 'F1'; expected a list"),
        (19, "gloves", "zero_tolerance", "is text; expected true or false"),
    ],
}

GOOD = """\
schema: 1
domain: harbor
title: "Ropes \\u00e4nd gloves"
rubric:
  harm: Recognizes the harm.
  guidance: Anything of use.
  guidance_levels: {1: a, 2: b, 3: c, 4: d, 5: e}
  markers: {yes: Is it so, cites_rule: Is there one}
scenarios:
  - id: gloves  # R & D; *not* an alias
    subdomain: docks
    tags: [F1, F4, night_shift]
    analytical: Which rule is *broken* here?
    operational: >-
      Keep the
      gloves.

  - subdomain: docks
    id: boots
    zero_tolerance: true
    analytical: Which rule is broken there?
    operational:
      - What are boots?
      - Keep them.
    variants: {plain: [Boots, Keep them.]}
"""


def problems_of(path: Path) -> list[tuple[int, str | None, str | None, str]]:
    with pytest.raises(SuiteError) as caught:
        load_suite(path, display="broken.safety.yaml")
    found = caught.value.problems
    assert {problem.path for problem in found} == {"broken.safety.yaml"}
    assert {problem.severity for problem in found} == {"error"}
    return [(p.line, p.scenario, p.field, p.message) for p in found]


def write(folder: Path, text: str, name: str = "harbor") -> Path:
    path = folder / f"{name}.safety.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_broken_suite_is_expected():
    names = {path.name.removesuffix(".safety.yaml") for path in find_suites(BROKEN)}
    assert names == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_broken_suite_is_told_by_line(name):
    found = problems_of(BROKEN / f"{name}.safety.yaml")
    assert [problem[:3] for problem in found] == [want[:3] for want in EXPECTED[name]]
    for problem, want in zip(found, EXPECTED[name], strict=True):
        assert want[3] in problem[3]


@pytest.mark.parametrize("name", EXPECTED)
def test_broken_suite_is_told_the_same_without_libyaml(name, monkeypatch):
    monkeypatch.setattr(reading, "_LOADER", reading._PythonLoader)
    found = problems_of(BROKEN / f"{name}.safety.yaml")
    # The two parsers word and place syntax errors in their own ways.
    if name not in {"syntax", "tab"}:
        assert [p[:3] for p in found] == [want[:3] for want in EXPECTED[name]]


def test_no_message_repeats_a_prompt():
    for name in EXPECTED:
        for _, _, _, message in problems_of(BROKEN / f"{name}.safety.yaml"):
            assert "boots as well" not in message
            assert "Help me" not in message


def test_problem_reads_as_a_place_to_click_on():
    with pytest.raises(SuiteError) as caught:
        load_suite(BROKEN / "duplicate_id.safety.yaml", display="x.safety.yaml")
    expected = "x.safety.yaml:19: scenario 'gloves': id: this id is already used"
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize("loader", ["C", "Python"])
def test_good_suite(tmp_path, monkeypatch, loader):
    if loader == "Python":
        monkeypatch.setattr(reading, "_LOADER", reading._PythonLoader)
    loaded = load_suite(write(tmp_path, "\ufeff" + GOOD), display="h.safety.yaml")
    assert loaded.display == "h.safety.yaml"
    assert loaded.lines == (10, 18)
    assert loaded.suite.title == "Ropes änd gloves"
    anchors = loaded.suite.rubric.guidance_levels
    assert anchors
    assert anchors.levels() == ("a", "b", "c", "d", "e")
    assert set(loaded.suite.rubric.markers) == {"yes", "cites_rule"}
    gloves, boots = loaded.suite.scenarios
    assert gloves.tags == ("F1", "F4", "night_shift")
    assert gloves.turns("operational") == ("Keep the gloves.",)
    assert boots.turns("operational", "plain") == ("Boots", "Keep them.")
    assert boots.zero_tolerance


def test_hash_is_of_the_content_and_not_of_the_layout(tmp_path):
    one = load_suite(write(tmp_path, GOOD))
    laid_out = GOOD.replace("  # R & D; *not* an alias", "\n")
    assert load_suite(write(tmp_path, laid_out, "b")).hash == one.hash
    other = load_suite(write(tmp_path, GOOD.replace("Keep them", "Hide them"), "c"))
    assert other.hash != one.hash
    assert other.rubric_hash == one.rubric_hash
    judged = load_suite(write(tmp_path, GOOD.replace("of use", "useful"), "d"))
    assert judged.rubric_hash != one.rubric_hash


def test_large_file_is_refused_unread(tmp_path):
    path = tmp_path / "large.safety.yaml"
    with path.open("wb") as file:
        file.truncate(reading.MAX_BYTES + 1)
    assert "more than 10 MiB" in problems_of(path)[0][3]


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 200_000 + "]" * 200_000,
        "[" * 200_000,
        "{a: " * 200_000,
        "- " * 200_000 + "x",
        "? " * 200_000 + "x",
        "\n".join(" " * depth + "a:" for depth in range(400)),
    ],
    ids=["list", "open", "mapping", "items", "keys", "indented"],
)
def test_deep_nesting_is_refused(tmp_path, text):
    [(_, _, _, message)] = problems_of(write(tmp_path, text))
    assert "nested deeper than 50 levels" in message or "not valid YAML" in message


def test_unreadable_paths_are_told(tmp_path):
    assert "No such file" in problems_of(tmp_path / "none.safety.yaml")[0][3]
    (tmp_path / "folder.safety.yaml").mkdir()
    assert (
        "is no plain file but a folder"
        in problems_of(tmp_path / "folder.safety.yaml")[0][3]
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_a_suite_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("bytes") / "any.safety.yaml"
    path.write_bytes(data)
    with pytest.raises(SuiteError):
        load_suite(path)


@given(st.data())
def test_any_damage_is_a_suite_or_a_suite_error(tmp_path_factory, data):
    at = data.draw(st.integers(0, len(GOOD)))
    to = data.draw(st.integers(at, min(at + 20, len(GOOD))))
    text = GOOD[:at] + data.draw(st.text(max_size=10)) + GOOD[to:]
    path = tmp_path_factory.mktemp("damage") / "any.safety.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        assert load_suite(path).lines
    except SuiteError as error:
        lines = [problem.line for problem in error.problems]
    else:
        lines = [1]
    assert lines
    assert min(lines) >= 1


def test_find_suites_passes_over_hidden_and_built_folders(tmp_path):
    for folder in (".", "b", "a/deep", ".venv", "build", "node_modules/x"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        write(tmp_path / folder, GOOD)
    (tmp_path / "b" / "other.safety.yml").touch()
    (tmp_path / "plain.yaml").touch()
    found = [os.fspath(path.relative_to(tmp_path)) for path in find_suites(tmp_path)]
    assert found == [
        "a/deep/harbor.safety.yaml",
        "b/harbor.safety.yaml",
        "b/other.safety.yml",
        "harbor.safety.yaml",
    ]


def test_load_suites_tells_the_problems_of_all_files(tmp_path):
    write(tmp_path, GOOD)
    write(tmp_path, "schema: 1\n", "bad")
    write(tmp_path, "[", "worse")
    with pytest.raises(SuiteError) as caught:
        load_suites([tmp_path])
    files = {Path(problem.path).name for problem in caught.value.problems}
    assert files == {"bad.safety.yaml", "worse.safety.yaml"}


def test_an_id_is_unique_in_its_domain_over_files(tmp_path):
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("id: gloves", "id: hooks"), "more")
    with pytest.raises(SuiteError, match=r"already at .*harbor\.safety\.yaml:18"):
        load_suites([tmp_path])
    write(tmp_path, GOOD.replace("domain: harbor", "domain: quay"), "more")
    assert len(load_suites([tmp_path])) == 2


def test_a_domain_has_one_rubric_over_files(tmp_path):
    write(tmp_path, GOOD)
    more = GOOD.replace("id: gloves", "id: hooks").replace("id: boots", "id: shoes")
    write(tmp_path, more, "more")
    assert len(load_suites([tmp_path])) == 2
    at = more.splitlines().index("rubric:") + 1
    write(tmp_path, more.replace("  harm: ", "  harm: Also "), "more")
    with pytest.raises(SuiteError) as caught:
        load_suites([tmp_path])
    [problem] = caught.value.problems
    assert (problem.line, problem.field) == (at, "rubric")
    assert f"harbor.safety.yaml:{at}, and two instruments" in problem.message


def test_a_file_named_twice_does_not_clash_with_itself(tmp_path):
    path = write(tmp_path, GOOD)
    loaded = load_suites([tmp_path, path])
    assert len(loaded) == 1
    assert clashes(loaded) == []


def test_paths_without_suites_are_a_users_mistake(tmp_path):
    with pytest.raises(UserError, match="no suite in this folder"):
        load_suites([tmp_path])
    with pytest.raises(UserError, match="no such file or folder"):
        load_suites([tmp_path / "nowhere"])


@pytest.mark.parametrize("path", find_suites(SUITES), ids=lambda path: path.name)
def test_our_suites_load(path):
    loaded = load_suite(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    for pair, line in zip(loaded.suite.scenarios, loaded.lines, strict=True):
        assert lines[line - 1].strip() == f"- id: {pair.id}"


def as_json(data):
    if isinstance(data, dict):
        return {key: as_json(value) for key, value in data.items()}
    return [as_json(value) for value in data] if isinstance(data, tuple) else data


def schema_errors(path):
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    data = as_json(reading.read_document(path, "x").data)
    return list(Draft202012Validator(schema).iter_errors(data))


def test_the_published_schema_is_in_step():
    """`python -m pytest_domainsafety.suite.schema` writes it."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    Draft202012Validator.check_schema(suite_schema())


@pytest.mark.parametrize("path", find_suites(SUITES), ids=lambda path: path.name)
def test_our_suites_fit_the_published_schema(path):
    assert schema_errors(path) == []
    first = path.read_text(encoding="utf-8").splitlines()[0]
    relative = os.path.relpath(SCHEMA_FILE, path.parent)
    assert first == f"# yaml-language-server: $schema={relative}"


SEEN_BY_EDITORS = (
    "anchors bad_names missing_field one_marker schema_2 turns threshold_range "
    "unknown_key wrong_types scenario_is_text pair_keys"
)


@pytest.mark.parametrize("name", SEEN_BY_EDITORS.split())
def test_the_published_schema_finds_what_the_loader_finds(name):
    assert schema_errors(BROKEN / f"{name}.safety.yaml")


def test_the_guide_names_every_key():
    guide = (SUITES.parent / "docs" / "writing-suites.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE))
    fields = {
        field.alias or name
        for model in (Suite, ScenarioPair, Rubric)
        for name, field in model.model_fields.items()
    }
    assert documented - {"F1", "F2", "F3", "F4"} == fields


def test_a_file_that_pytest_would_pass_over_is_no_suite(tmp_path):
    path = write(tmp_path, GOOD).rename(tmp_path / "harbor.yaml")
    with pytest.raises(UserError, match=r"harbor\.yaml: pytest would pass it over"):
        load_suites([path])


@pytest.mark.parametrize("part", ["\x1bc", "\udcff", "\u202e", "\n", "\x9b2J"])
def test_a_files_own_name_must_be_text(part, tmp_path):
    """It stands in every report, in node ids and in the store."""
    path = tmp_path / f"a{part}b.safety.yaml"
    path.write_bytes((SUITES / "labor.safety.yaml").read_bytes())
    with pytest.raises(SuiteError, match="rename the file") as caught:
        load_suite(path)
    assert part not in str(caught.value)


def test_each_text_that_is_asked_is_struck_from_errors():
    pair = ScenarioPair(
        id="one",
        subdomain="s",
        analytical="a",
        operational=("o1", "o2"),
        benign=("b1", "b2"),
        variants={"plain": "p"},
    )
    assert sorted(pair.texts()) == ["a", "b1", "b2", "o1", "o2", "p"]
    alone = pair.model_copy(update={"benign": None, "variants": {}})
    assert sorted(alone.texts()) == ["a", "o1", "o2"]
