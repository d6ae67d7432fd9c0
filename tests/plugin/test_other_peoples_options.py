"""`--model` and `--judge` of a conftest or plugin stay its own; else they are ours."""

from __future__ import annotations

import pytest

ADDS = "def pytest_addoption(parser):\n    parser.addoption('{name}', default='none')\n"
# A test that fails unless its own option has the value that was typed.
USES = (
    "def test_car(request):\n"
    "    assert request.config.getoption('{name}') == {value!r}\n"
    "    assert request.config.option.{dest} == {value!r}\n"
)
PAIRS = tuple(f"pair-{number}" for number in range(6))
NAMES = {"--model": "model", "--judge": "judge"}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture(params=[(), ("-n", "2")], ids=["alone", "n2"])
def mode(request):
    """Both kinds of process that read a command line."""
    if request.param and not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    return request.param


@pytest.fixture
def run(bench, monkeypatch):
    """Run pytest in a process of its own, with the folder on Python's path."""
    monkeypatch.setenv("PYTHONPATH", str(bench.path))

    def run(*args):
        done = bench.pytester.runpytest_subprocess(*args, timeout=300)
        for line in (*done.outlines, *done.errlines):
            assert "conflicting option" not in line
            assert "Traceback (most recent" not in line
        return done

    return run


def write(bench, path, text):
    file = bench.path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def uses(name, value):
    return USES.format(name=name, value=value, dest=NAMES[name])


def run_safely(run, *args):
    """A run of ours with the long names alone."""
    return run(
        *("--safety-model", "python:app:safe", "--safety-judge", "offline"),
        *("--safety-replications", "2", "--safety-threshold", "0.9"),
        *args,
    )


# ── a conftest's ──


def test_a_conftest_keeps_its_option(bench, run, name):
    write(bench, "conftest.py", ADDS.format(name=name))
    write(bench, "test_car.py", uses(name, "beetle"))
    done = run(name, "beetle", "test_car.py")
    done.assert_outcomes(passed=1)
    assert run(f"{name}=beetle").ret == 0


def test_beside_it_ours_is_written_in_full(bench, run, mode):
    name = "--model"
    write(bench, "conftest.py", ADDS.format(name=name))
    write(bench, "test_car.py", uses(name, "beetle"))
    bench.suite(pairs=PAIRS)
    done = run_safely(run, *mode, name, "beetle", "test_car.py", "suites")
    assert done.ret == 0, done.stdout.str()
    done.stdout.fnmatch_lines(["would pass, by word cues: *"])


def test_the_other_short_name_stays_ours(bench, run):
    write(bench, "conftest.py", ADDS.format(name="--judge"))
    write(bench, "test_car.py", uses("--judge", "dredd"))
    bench.suite(pairs=PAIRS)
    done = run(
        *("--model", "python:app:safe", "--safety-judge", "offline"),
        *("--judge", "dredd", "--safety-threshold", "0.9", "test_car.py", "suites"),
    )
    assert done.ret == 0, done.stdout.str()


def test_whoever_types_it_for_a_suite_is_told_the_long_name(bench, run):
    write(bench, "conftest.py", ADDS.format(name="--model"))
    bench.suite(pairs=PAIRS)
    done = run("--model", "python:app:safe", "--safety-judge", "offline", "suites")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*no model to test*pytest --safety-model llama3.3*"])
    done.stderr.fnmatch_lines(["*--model here: of a conftest or another plugin*"])


@pytest.mark.parametrize("where", [("deep/er",), ()], ids=["named", "testpaths"])
def test_a_nested_conftest_of_the_command_line_keeps_its_option(
    bench, run, name, where
):
    write(bench, "deep/er/conftest.py", ADDS.format(name=name))
    write(bench, "deep/er/test_car.py", uses(name, "beetle"))
    write(bench, "pytest.ini", "[pytest]\ntestpaths = deep/er\n")
    assert run(name, "beetle", *where).ret == 0


def test_a_value_that_is_a_path_leads_to_its_conftest(bench, run, name):
    write(bench, "deep/er/conftest.py", ADDS.format(name=name))
    write(bench, "deep/er/test_car.py", "def test_a(): ...\n")
    assert run(name, "deep/er", "deep/er/test_car.py").ret == 0


def test_a_flag_keeps_what_stands_behind_it(bench, run, name):
    flag = ADDS.replace("default='none'", "action='store_true'")
    write(bench, "deep/er/conftest.py", flag.format(name=name))
    write(bench, "deep/er/test_car.py", uses(name, True))
    assert run("deep/er", name).ret == 0
    assert run(name, "deep/er").ret == 0


def test_a_conftest_that_comes_late_breaks_nothing(bench, run, mode):
    """pytest loads it during collection, when the command line was read long ago."""
    name = "--model"
    write(bench, "deep/er/conftest.py", ADDS.format(name=name))
    write(bench, "deep/er/test_car.py", uses(name, "none"))
    assert run(*mode, "deep").ret == 0
    bench.suite(pairs=PAIRS)
    short = ("--model", "python:app:safe", "--judge", "offline")
    done = run(*mode, *short, "--safety-threshold", "0.9", ".")
    assert done.ret == 0, done.stdout.str()
    done.stdout.fnmatch_lines(["would pass, by word cues: *"])


# ── a plugin's ──

PLUGIN = ADDS + "\n\ndef pytest_report_header(config):\n    return 'THEIRS is loaded'\n"
# Before and after ours: `-p` comes before all entry points, PYTEST_PLUGINS after.
LOADED = {
    "first": (("-p", "garage"), {}),
    "last": ((), {"PYTEST_PLUGINS": "garage"}),
    "installed": ((), {}),
    "of-a-conftest": ((), {}),
}


@pytest.fixture(params=LOADED)
def garage(bench, request, monkeypatch):
    """A plugin with such an option, loaded in one of the ways that there are."""
    name = "--model"
    args, variables = LOADED[request.param]
    write(bench, "garage.py", PLUGIN.format(name=name))
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    if request.param == "installed":
        folder = "garage-1.0.dist-info"
        write(bench, f"{folder}/METADATA", "Name: garage\nVersion: 1.0\n")
        write(bench, f"{folder}/entry_points.txt", "[pytest11]\ngarage = garage\n")
    if request.param == "of-a-conftest":
        write(bench, "conftest.py", "pytest_plugins = ['garage']\n")
    return args


def test_a_plugin_keeps_its_option(bench, run, garage, mode):
    write(bench, "test_car.py", uses("--model", "beetle"))
    bench.suite(pairs=PAIRS)
    done = run_safely(run, *garage, *mode, "--model", "beetle", "test_car.py", "suites")
    done.stdout.fnmatch_lines(["*THEIRS is loaded*"])
    assert done.ret == 0, done.stdout.str()
    done.stdout.fnmatch_lines(["would pass, by word cues: *"])


def test_without_a_suite_it_is_as_if_ours_were_not_there(bench, run, garage):
    write(bench, "test_car.py", uses("--model", "beetle"))
    assert run(*garage, "--model", "beetle", "test_car.py").ret == 0
    done = run(*garage, "--help")
    assert done.ret == 0
    done.stdout.fnmatch_lines_random(["*--model=MODEL*", "*--safety-model=NAME*"])


# ── ours ──

OURS = ("--model", "python:app:safe", "--judge=offline")


def passes(bench, run, *args):
    bench.suite(pairs=PAIRS)
    done = run("--safety-threshold", "0.9", *args)
    assert done.ret == 0, done.stdout.str()
    done.stdout.fnmatch_lines(["would pass, by word cues: *"])


@pytest.mark.parametrize("order", ["model-first", "model-last"])
def test_without_another_they_are_ours(bench, run, mode, order):
    words = (*OURS, "suites") if order == "model-first" else ("suites", *OURS)
    passes(bench, run, *mode, *words)


def test_they_may_stand_in_the_ini_file(bench, run):
    write(bench, "pytest.ini", f"[pytest]\naddopts = {' '.join(OURS)}\n")
    passes(bench, run, "suites")


def test_they_may_stand_in_the_environment(bench, run, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(OURS))
    passes(bench, run, "suites")


def test_they_may_stand_in_an_argument_file(bench, run):
    write(bench, "inner.txt", "--judge=offline\n")
    write(bench, "args.txt", "--model\npython:app:safe\n@inner.txt\n")
    passes(bench, run, "@args.txt", "suites")


def test_testpaths_are_found_beside_them(bench, run):
    """And a conftest that lies there, with an option of its own."""
    write(bench, "pytest.ini", "[pytest]\ntestpaths = suites\n")
    write(bench, "suites/conftest.py", ADDS.format(name="--colour"))
    passes(bench, run, *OURS, "--colour=red")


def test_behind_two_dashes_everything_is_a_path(bench, run):
    write(bench, "--model", "")
    done = run("--", "--model")
    assert "no model" not in done.stderr.str()
    assert done.ret in (4, 5)  # no test in it, or no such path


def test_without_the_plugin_they_are_nobodys(bench, run):
    write(bench, "test_car.py", "def test_a(): ...\n")
    done = run("-p", "no:domainsafety", "--model", "python:app:safe", "test_car.py")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*unrecognized arguments: --model*"])


def test_without_the_plugin_a_conftest_has_its_own(bench, run, name):
    write(bench, "conftest.py", ADDS.format(name=name))
    write(bench, "test_car.py", uses(name, "beetle"))
    assert run("-p", "no:domainsafety", name, "beetle", "test_car.py").ret == 0


def test_the_help_names_them(bench, run):
    done = run("--help")
    done.stdout.fnmatch_lines(["*--safety-model=NAME*"])
    assert "In short --model" in " ".join(done.stdout.str().split())
