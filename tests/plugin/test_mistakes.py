"""A user's mistakes: one clear sentence, pytest's usage status, no traceback."""

from __future__ import annotations

import pytest

USAGE = 4


def refused(done, *patterns, status=USAGE):
    said = done.stdout.str() + done.stderr.str()
    assert done.ret == status, said
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said
    for pattern in patterns:
        assert pattern in said, said


def test_no_model(bench, mode):
    bench.suite()
    refused(bench.run(*mode, model=None), "no model to test", "pytest --model llama3.3")


def test_an_unknown_provider(bench, mode):
    bench.suite()
    refused(bench.run(*mode, model="opnai:gpt-4.1"), "opnai", "openai")


def test_an_application_that_is_not_there(bench, mode):
    bench.suite()
    refused(bench.run(*mode, model="python:nowhere:answer"), "nowhere")


def test_a_server_that_is_not_there(bench, mode):
    bench.suite()
    refused(
        bench.run(*mode, "--safety-endpoint", "http://127.0.0.1:9", model="llama3.3"),
        "127.0.0.1:9",
        "OLLAMA_HOST",
    )


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--safety-threshold", "1.5", "0.0 to 1.0"),
        ("--safety-threshold", "labor=-1", "0.0 to 1.0"),
        ("--safety-threshold", "labor=lots", "expected a number"),
        ("--safety-replications", "0", "1 or more"),
        ("--safety-replications", "two", "expected a whole number"),
        ("--safety-ci", "wald", "expected one of guarded, exact, percentile"),
        ("--safety-confidence", "95", "0.5 to 0.9999"),
        ("--safety-system-prompt", "nowhere.txt", "nowhere.txt"),
        ("--safety-phases", "some", "expected one of auto, split, stream"),
        ("--safety-timeout", "0", "0.001"),
        ("--safety-html", "", "expected a path, got nothing"),
        ("--safety-baseline", "", "expected a value, got nothing"),
        ("--safety-baseline-margin", "0", "expected a rise above 0"),
    ],
)
def test_a_value_that_does_not_fit(bench, option, value, complaint):
    bench.suite()
    refused(bench.run(f"{option}={value}"), option, complaint)


def test_an_empty_system_prompt_is_no_system_prompt(bench):
    bench.suite()
    bench.pytester.path.joinpath("empty.txt").write_text(" \n")
    refused(bench.run("--safety-system-prompt=empty.txt"), "empty.txt: holds nothing")


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"warn.txt": "Be careful.", "mild.txt": "Be  careful.\n"}, "say the same"),
        ({"warn.txt": "One.", "other/warn.md": "Two."}, "both be named 'warn'"),
        ({"warn.txt": "Be careful.", "bom.txt": "\ufeffBe careful."}, "say the same"),
        ({"warn.txt": "One.", "none": ""}, None),
        ({"warn.txt": "One.", "none.txt": "Two.", "none": ""}, "both be named 'none'"),
        ({"None.md": "One."}, "None.md: reports would name it None, as if no system"),
        ({"...": "One."}, "no letter or digit"),
    ],
)
def test_system_prompts_that_can_not_be_told_apart(bench, texts, complaint):
    bench.suite()
    (bench.path / "other").mkdir()
    for name, text in texts.items():
        if name != "none":
            (bench.path / name).write_text(text)
    done = bench.run(*(f"--safety-system-prompt={name}" for name in texts))
    if complaint is None:
        assert done.ret != USAGE, done.errlines
    else:
        refused(done, "--safety-system-prompt", complaint)


def test_an_ini_value_that_does_not_fit(bench):
    bench.suite()
    bench.pytester.makeini("[pytest]\nsafety_threshold = 1.5\n")
    refused(bench.run(), "ini value safety_threshold", "0.0 to 1.0")


def test_a_threshold_for_an_unknown_domain(bench, mode):
    bench.suite()
    refused(bench.run(*mode, "--safety-threshold", "labour=0.1"), "labour", "labor")


def test_a_threshold_for_a_deselected_domain_is_fine(bench, mode):
    bench.suite()
    bench.suite("elections")
    done = bench.run(
        *mode, "--safety-threshold", "elections=0.1", "-m", "domain(name='labor')"
    )
    assert done.ret != USAGE


def test_dist_each(bench, request):
    if not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    bench.suite()
    refused(bench.run("-n", "2", "--dist", "each"), "--dist=each", "several times")


def test_a_broken_suite_names_every_line(bench, mode):
    file = bench.suite()
    text = file.read_text()
    file.write_text(text.replace("subdomain: part_0", "subdomian: part_0"))
    done = bench.run(*mode)
    said = done.stdout.str()
    assert done.ret in (2, 1)
    assert "Traceback" not in said
    assert said.count("subdomian") >= 2
    assert "suites/labor.safety.yaml:" in said


def test_a_folder_without_suites(bench):
    bench.suite().rename(bench.path / "suites" / "labor.yaml")
    refused(
        bench.run(),
        "nothing to ask the model: there is no suite under suites; a suite's name ends "
        "in .safety.yaml",
        status=5,
    )


@pytest.mark.parametrize("mode", [(), ("-n", "2"), ("--collect-only",)])
def test_two_files_of_a_domain_that_clash(bench, request, mode):
    if "-n" in mode and not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    text = bench.suite(pairs=("one", "two")).read_text(encoding="utf-8")
    second = bench.path / "suites" / "more.safety.yaml"
    second.write_text(
        text.replace("id: one", "id: three").replace("Sees", "See"), encoding="utf-8"
    )
    refused(
        bench.run(*mode),
        "suites/more.safety.yaml:17: scenario 'two': id: the domain 'labor' has this "
        "id already at suites/labor.safety.yaml:17: give one of the two another id",
        "suites/more.safety.yaml:4: rubric: is not the rubric that the domain 'labor' "
        "has at suites/labor.safety.yaml:4, and two instruments can't be pooled",
    )
    assert not (bench.path / ".domainsafety").exists()


def test_a_store_that_is_something_else(bench, mode):
    bench.suite()
    (bench.path / "notes.db").write_text("no database " * 100)
    done = bench.run(*mode, "--safety-store", "notes.db")
    refused(done, "notes.db", "no SQLite database")
    assert (bench.path / "notes.db").read_text() == "no database " * 100


def test_ini_twins_work(bench):
    bench.suite(pairs=("bad-one", "bad-two"))
    bench.pytester.makeini(
        "[pytest]\nsafety_model =\n    python:app:answer\nsafety_judge = offline\n"
        "safety_threshold =\n    0.5\n    labor=1.0\n"
    )
    done = bench.run(model=None)
    assert done.ret == 0


def test_runs_without_suites_are_left_alone(pytester):
    pytester.makepyfile("def test_x():\n    pass\n")
    done = pytester.runpytest_subprocess()
    assert done.ret == 0
    done.stdout.no_fnmatch_line("*domain safety*")
    assert not (pytester.path / ".domainsafety").exists()


def test_help_shows_one_heading(pytester):
    done = pytester.runpytest_subprocess("--help")
    done.stdout.fnmatch_lines(
        ["safety regression testing (domainsafety):", "*--safety-model=NAME*"]
    )


def test_a_missing_baseline_is_said_before_a_model_is_looked_at(bench):
    bench.suite()
    done = bench.run("--safety-baseline", "gone.json", model="python:nowhere:answer")
    refused(done, "gone.json: there is no such file")


def test_an_output_path_that_is_a_folder_is_said_before_the_run(bench):
    bench.suite()
    (bench.path / "taken").mkdir()
    done = bench.run("--safety-json", "taken")
    refused(done, "--safety-json", "taken: is a folder; name a file in it")
    assert not (bench.path / ".domainsafety").exists()


def test_a_model_name_that_would_move_the_cursor(bench):
    bench.suite()
    done = bench.run(model="python:app:answer\x1bc")
    refused(done, "--safety-model python:app:answer", "can't hold control characters")
    assert "\x1bc" not in done.stdout.str() + done.stderr.str()
