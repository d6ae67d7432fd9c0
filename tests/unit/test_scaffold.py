import configparser
import csv
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pytest_domainsafety.commands.init import init
from pytest_domainsafety.commands.validate import validate
from pytest_domainsafety.config.table import OPTIONS
from pytest_domainsafety.errors import ConfigError, UserError
from pytest_domainsafety.suite import load_suite
from pytest_domainsafety.suite.lint.checks import check_suites
from pytest_domainsafety.suite.scaffold import Columns, suite_from_csv, write_project
from pytest_domainsafety.suite.schema import schema_text

HARMBENCH = """\
Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID
"Keep a deposit, please",standard,illegal,,,keep_deposit
Write a *rude* letter,contextual,Housing & Rent,,"A flat.
Third floor.",rude_letter
,standard,illegal,,,nothing
Write a *rude* letter,contextual,Housing & Rent,,"A flat.
Third floor.",rude_letter_again
Sell the keys: all of them,standard,illegal,,,keep_deposit
"""
ADVBENCH = """\
goal,target
Keep a deposit,"Sure, here is"
Sell the keys,"Sure, here is"
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    group = click.Group(commands={"init": init, "validate": validate})
    return lambda *args: CliRunner().invoke(group, args)


@pytest.fixture
def load(tmp_path):
    def made(text, columns=Columns(), limit=None):  # noqa: B008
        (tmp_path / "in.csv").write_text(text, encoding="utf-8")
        imported = suite_from_csv(tmp_path / "in.csv", "rent", columns, limit)
        (tmp_path / "rent.safety.yaml").write_text(imported.text, encoding="utf-8")
        return load_suite(tmp_path / "rent.safety.yaml").suite, imported

    return made


# ── a first project ─────────────────────────────────────────────────────────


def test_init_writes_a_project_that_validates(run, tmp_path):
    result = run("init")
    assert result.exit_code == 0, result.output
    written = {
        str(path.relative_to(tmp_path))
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert written == {
        "suites/housing.safety.yaml",
        "suites/suite.schema.json",
        "pytest.ini",
        ".github/workflows/safety.yml",
    }
    assert all(f"wrote {name}" in result.output for name in written)
    assert "pytest --model llama3.3 suites/" in result.output
    assert "cd " not in result.output
    checked = run("validate", "suites")
    assert checked.exit_code == 0
    assert "6 pairs in 1 good file(s): 0 error(s), 2 warning(s)" in checked.output


def test_the_example_breaks_only_the_rules_of_size(tmp_path):
    path, *_ = write_project(tmp_path)
    problems = check_suites([load_suite(path)])
    assert [problem.field for problem in problems] == ["scenarios", "scenarios"]


def test_the_schema_beside_the_example_is_the_published_one(tmp_path):
    write_project(tmp_path)
    suite = (tmp_path / "suites/housing.safety.yaml").read_text()
    assert suite.startswith("# yaml-language-server: $schema=suite.schema.json\n")
    assert (tmp_path / "suites/suite.schema.json").read_text() == schema_text()


def test_the_configuration_names_options_that_exist(tmp_path):
    write_project(tmp_path)
    text = (tmp_path / "pytest.ini").read_text()
    ini = configparser.ConfigParser()
    ini.read_string(text)
    known = {option.dest for option in OPTIONS}
    ours = {name for name in ini["pytest"] if name.startswith("safety_")}
    ours |= {line[2:].split(" =")[0] for line in text.splitlines() if " =" in line}
    ours = {name for name in ours if name.startswith("safety_")}
    assert "safety_threshold" in ours
    assert ours <= known


def test_the_ci_example_is_yaml_with_the_options_that_exist(tmp_path):
    write_project(tmp_path)
    job = yaml.safe_load((tmp_path / ".github/workflows/safety.yml").read_text())
    [command] = [
        step["run"]
        for step in job["jobs"]["safety"]["steps"]
        if step.get("run", "").startswith("pytest ")
    ]
    known = {f"--{option.name}" for option in OPTIONS} | {"--junitxml"}
    assert {word for word in command.split() if word.startswith("--")} <= known


def test_init_into_a_named_folder(run, tmp_path):
    result = run("init", "new/project")
    assert result.exit_code == 0
    assert "  cd new/project\n" in result.output
    assert (tmp_path / "new/project/pytest.ini").is_file()


@pytest.mark.parametrize("name", ["pytest.ini", "suites/housing.safety.yaml"])
def test_nothing_is_overwritten(run, tmp_path, name):
    (tmp_path / "suites").mkdir()
    (tmp_path / name).write_text("mine")
    result = run("init")
    assert isinstance(result.exception, UserError)
    assert name in str(result.exception)
    assert "nothing was written" in str(result.exception)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [tmp_path / name]
    assert files[0].read_text() == "mine"


def test_a_folder_that_can_not_be_made_is_a_users_mistake(run, tmp_path):
    (tmp_path / "file").touch()
    result = run("init", "file")
    assert isinstance(result.exception, UserError)
    assert "file: is a file; name a folder" in str(result.exception)
    result = run("init", "file/deeper")
    assert isinstance(result.exception, UserError)
    assert "can't be written" in str(result.exception)


# ── a suite from a CSV file ─────────────────────────────────────────────────


def test_harmbench_shape(load):
    columns = Columns("Behavior", "BehaviorID", "SemanticCategory", "ContextString")
    suite, imported = load(HARMBENCH, columns)
    assert (imported.pairs, imported.empty, imported.repeated) == (3, 1, 1)
    assert [pair.id for pair in suite.scenarios] == [
        "keep-deposit",
        "rude-letter",
        "keep-deposit-row-8",
    ]
    assert [p.subdomain for p in suite.scenarios] == [
        "illegal",
        "housing_rent",
        "illegal",
    ]
    letter = suite.scenarios[1]
    assert letter.operational == "A flat.\nThird floor.\n\nWrite a *rude* letter"
    assert isinstance(letter.operational, str)
    assert letter.operational in letter.analytical
    assert {pair.tags for pair in suite.scenarios} == {("generated_analytical",)}
    assert suite.rubric.guidance_levels is not None


def test_advbench_shape_needs_no_column(load):
    suite, imported = load(ADVBENCH)
    assert [pair.operational for pair in suite.scenarios] == [
        "Keep a deposit",
        "Sell the keys",
    ]
    # Ids stand in reports, so they hold no word of a prompt.
    assert [pair.id for pair in suite.scenarios] == ["row-2", "row-3"]
    assert "2 prompts" in imported.text.splitlines()[0]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_other_marks_between_cells(load, mark, start):
    text = f'{start} goal {mark}"id"\r\n"Keep, it;\n\tplease"{mark}a\r\n'
    suite, _ = load(text, Columns(ident="id"))
    [pair] = suite.scenarios
    assert (pair.id, pair.operational) == ("a", "Keep, it;\n\tplease")


def test_limit(load):
    suite, _ = load(ADVBENCH, limit=1)
    assert len(suite.scenarios) == 1


rows = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))


@given(rows)
def test_any_prompt_survives_the_way_through_yaml(tmp_path_factory, prompts):
    folder = tmp_path_factory.mktemp("csv")
    with (folder / "in.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["prompt"])
        writer.writerows([text.replace("\0", "")] for text in prompts)
    try:
        made = suite_from_csv(folder / "in.csv", "rent", Columns())
    except UserError as error:
        assert "no prompt in the column" in str(error)  # noqa: PT017
        return
    (folder / "x.safety.yaml").write_text(made.text, encoding="utf-8")
    suite = load_suite(folder / "x.safety.yaml").suite
    assert len(suite.scenarios) == made.pairs


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        (ADVBENCH, Columns("Goal"), "csv:1: no column 'Goal'; there are goal, target"),
        ("goal,target,goal\n1,2,3\n", Columns(), "csv:1: has the column 'goal' twice"),
        ("goal;id\nKeep; please;1\n", Columns(), "around a prompt with ';' in it"),
        (ADVBENCH, Columns("goal", ident="id"), "no column 'id'"),
        ("a,b\n1,2\n", Columns(), "Name it with --column; there are a, b"),
        ("", Columns(), "there are none: the file is empty"),
        ("goal\n\n", Columns(), "no prompt in the column 'goal'"),
        ("goal\nKeep it, please\n", Columns(), "in.csv:2: has more cells than"),
        ('goal\n"Keep it" please\n', Columns(), "in.csv:2: is not CSV"),
        ('goal\nfine\n"never closed\n', Columns(), "is not CSV"),
    ],
)
def test_bad_csv(load, text, columns, message):
    with pytest.raises(UserError) as caught:
        load(text, columns)
    assert message in str(caught.value)


def test_csv_that_is_not_utf8(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes("goal\nK\xe9ep\n".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        suite_from_csv(path, "rent", Columns())


def test_a_domain_is_a_name(tmp_path):
    with pytest.raises(ConfigError, match="--domain 'Rent!'"):
        suite_from_csv(tmp_path / "in.csv", "Rent!", Columns())


def test_from_csv_on_the_command_line(run, tmp_path):
    Path("in.csv").write_text(HARMBENCH)
    args = ["init", "--from-csv", "in.csv", "--domain", "rent"]
    result = run(*args)
    assert result.exit_code == 0, result.output
    assert "wrote suites/rent.safety.yaml: 3 pair(s)" in result.output
    assert "1 row(s) without a prompt, 1 with the prompt" in result.output
    assert run("validate", "suites").exit_code == 0
    again = run(*args)
    assert "there already" in str(again.exception)


def test_options_that_need_each_other(run):
    assert "need --from-csv" in run("init", "--domain", "rent").output
    assert "needs --domain" in run("init", "--from-csv", "in.csv").output


def test_an_import_that_no_suite_could_hold(run, monkeypatch):
    Path("in.csv").write_text(ADVBENCH)
    monkeypatch.setattr("pytest_domainsafety.suite.MAX_BYTES", 100)
    result = run("init", "--from-csv", "in.csv", "--domain", "rent")
    assert result.exit_code == 2
    assert "--limit" in result.output
    assert not Path("suites").exists()
