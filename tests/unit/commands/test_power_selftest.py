"""`domainsafety power` and `domainsafety selftest`."""

import json

import pytest

from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.analysis.gate import GatePolicy


@pytest.fixture
def saved(tmp_path, records):
    def save(name, complies, **fields):
        path = tmp_path / name
        settings = AnalysisSettings(resamples=200)
        results = build_results(records(complies, **fields), settings, GatePolicy())
        path.write_text(results.model_dump_json(by_alias=True))
        return path

    return save


def flat(done):
    return [" ".join(line.split()) for line in done.text.splitlines()]


def test_power_of_a_plan(cli):
    args = ("--threshold", "0.25", "--rate", "0.1", "--runs", "500")
    done = cli("power", *args, "--replications", "3")
    assert done.status == 0
    assert "correlation 0.55" in done.text
    rows = [line.split() for line in flat(done)]
    (twenty,) = [row for row in rows if row[:1] == ["20"]]
    assert twenty[3] == "16.8%"
    assert 25 < float(twenty[1].rstrip("%")) < 45
    assert "without one complying reply, 13 pairs pass 25.0%" in done.text


def test_power_knows_the_plan_in_force_and_the_best_split(cli):
    args = ("--threshold", "0.25", "--rate", "0.02", "--pairs", "72", "--runs", "300")
    asked = {}
    for stop in ("none", "sequential", "anytime"):
        done = cli("power", *args, "--stop", stop, "--requests", "60")
        rows = [line.split() for line in flat(done)]
        (row,) = [row for row in rows if row[:1] == ["72"]]
        asked[stop] = int(row[4])
        assert row[1] == "100.0%"
        assert "best split: 60 × 1" in done.text
        assert any(row[:3] == ["20", "×", "3"] for row in rows)
    assert asked["none"] == 72
    assert asked["sequential"] <= 36
    assert asked["anytime"] < 25
    assert "without one complying reply, 15 pairs pass 25.0%" in done.text
    assert "a bet that may end after any pair" in done.text
    hopeless = cli("power", *args[:2], "--rate", "0.1", "--requests", "5")
    assert "no split of so many requests settles it" in hopeless.text


def test_a_model_that_is_worse_passes_with_no_number_of_pairs(cli):
    args = ("--threshold", "0.1", "--rate", "0.3", "--runs", "200", "--pairs", "20")
    assert "no number of pairs" in cli("power", *args).text
    everything = cli("power", "--threshold", "1", "--rate", "1", "--pairs", "20")
    assert "20 100.0%" in " ".join(flat(everything))


def test_power_of_a_run(cli, saved):
    done = cli("power", "--from", saved("a.json", {0, 1}), "--runs", "200")
    row = next(line for line in flat(done) if line.startswith("m labor 12 16.7% 1.00"))
    assert row.split()[5] == "25.0%"
    at = cli("power", "--from", saved("a.json", {0}), "--rate", "0.01", "--icc", "0.5")
    assert any(line.startswith("m labor 12 1.0% 0.50") for line in flat(at))


def test_power_of_a_run_goes_by_the_run_s_own_plan(cli, saved):
    path = saved("a.json", {0, 1})
    told = json.loads(path.read_text())
    told["run"]["stop"] = "sequential"
    path.write_text(json.dumps(told))
    assert "after each third" in cli("power", "--from", path, "--runs", "200").text
    other = cli("power", "--from", path, "--runs", "200", "--stop", "none")
    assert "after each third" not in other.text


def test_two_runs_that_agree(cli, saved, tmp_path):
    paths = saved("a.json", {0, 1}), saved("b.json", {1, 2})
    done = cli("selftest", "--results", *paths, "--json", tmp_path / "aa.json")
    assert done.status == 0
    assert "scenarios flipped: 2 of 12 (16.7%); gates flipped: 0 of 1" in done.text
    assert "1 of 1 intervals of the difference hold 0" in done.text
    assert json.loads((tmp_path / "aa.json").read_text())["scenario_flips"] == 2


def test_a_gate_that_flips_is_no_reproduction(cli, saved):
    """So near the threshold the rates agree, and the verdicts do not."""
    paths = saved("a.json", set(), pairs=13), saved("b.json", {1}, pairs=13)
    done = cli("selftest", "--results", *paths)
    assert "1 of 1 intervals of the difference hold 0" in done.text
    assert "gates flipped: 1 of 1" in done.text
    assert "but the verdict does not hold" in done.text
    assert "flipped: the compliance gate of labor on m" in done.text
    assert done.status == 1


def test_what_was_not_measured_is_no_reproduction(cli, records, tmp_path):
    gone = {"status": "error", "guidance": None, "refusal": None}
    rows = records(set(), pairs=13, domains=("labor", "elections"))
    lost = [
        row.model_copy(update=gone) if row.domain == "elections" else row
        for row in rows
    ]
    paths = tmp_path / "a.json", tmp_path / "b.json"
    for path, side in zip(paths, (rows, lost), strict=True):
        results = build_results(side, AnalysisSettings(resamples=200), GatePolicy())
        path.write_text(results.model_dump_json(by_alias=True))
    done = cli("selftest", "--results", *paths)
    assert done.status == 10
    assert "but not everything was" in done.text
    assert "1 gate could not be compared" in done.text
    assert "gates flipped: 0 of 1" in done.text


def test_two_runs_that_do_not(cli, saved):
    done = cli(
        "selftest", "--results", saved("a.json", set()), saved("b.json", range(12))
    )
    assert done.status == 1
    assert "differ by more than the intervals promise" in done.text


def test_mistakes_are_one_sentence(cli, saved, tmp_path):
    good = saved("a.json", {0})
    other = saved("b.json", {0}, domains=("elections",))
    for args, said in (
        (("power",), "needs --threshold X and --rate X"),
        (("power", "--threshold", "0.2", "--rate", "10%"), "--rate: expected a number"),
        (("power", "--threshold", "0.2", "--rate", "1.5"), "--rate: expected 0.0 to"),
        (("power", "--threshold", "0.2", "--rate", "0", "--pairs", "2"), "fewer than"),
        (("power", "--threshold", "0.2", "--rate", "0", "--requests", "4"), "expected"),
        (("power", "--stop", "anytime", "--ci", "exact"), "has limits of its own"),
        (("power", "--from", tmp_path / "gone"), "no such file"),
        (("selftest", "--results", good, tmp_path / "gone"), "no such file"),
    ):
        assert said in cli(*args).sentence()
    assert "no scored scenario pair in common" in (
        cli("selftest", "--results", good, other).text
    )
    assert "selftest needs --model" in cli("selftest", "suites").text


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (("--pairs", "999999999"), "--pairs: at most 5,000 are simulated"),
        (("--pairs", "72", "--replications", "5000"), "--replications: at most 1,000"),
    ],
)
def test_power_of_more_than_a_machine_holds_is_one_sentence(cli, option, complaint):
    done = cli("power", "--threshold", "0.1", "--rate", "0.02", *option)
    assert done.status == 2
    assert complaint in done.text
    assert "Traceback" not in done.text


def test_power_prints_each_line_when_it_is_known(monkeypatch):
    from pytest_domainsafety.commands import power as command
    from pytest_domainsafety.stats import power_analysis

    simulated = []
    real = power_analysis.power

    def watched(*args, **options):
        simulated.append(args[2])
        return real(*args, **options)

    monkeypatch.setattr(power_analysis, "power", watched)
    options = {"threshold": 0.25, "rate": 0.1, "icc": None, "confidence": 0.95}
    options |= {"replications": 3, "runs": 200, "pairs": None, "chance": 0.8}
    options |= {"stop": None, "requests": None, "method": "guarded"}
    lines = command._of_a_plan(options)
    assert "pairs" in [next(lines) for _ in range(3)][-1]
    assert simulated == []
    assert next(lines).split()[0] == "5"
    assert simulated == [5]
