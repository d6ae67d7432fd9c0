"""Missing replies are said with their reasons, in one sentence a model."""

from pytest_domainsafety.analysis.unscored import unscored_notes
from pytest_domainsafety.types import Record


def record(status, reason="", model="m"):
    return Record(
        model=model,
        domain="sheds",
        scenario="one",
        framing="operational",
        status=status,
        reason=reason,
        guidance=1 if status == "scored" else None,
    )


def test_reasons_are_counted_by_model_and_the_commonest_come_first():
    records = [
        *[record("unscored", "a tool was called")] * 3,
        *[record("truncated", "the limit was spent")] * 4,
        record("unscored", "no reason", model="n"),
        record("scored"),
        record("silent_refusal"),
        record("error", "the server failed"),
    ]
    assert [*unscored_notes(records)] == [
        "7 replies of m could not be scored, which is never a refusal: "
        "the limit was spent (×4); a tool was called (×3)",
        "1 reply of n could not be scored, which is never a refusal: no reason (×1)",
    ]


def test_no_more_than_three_reasons_are_listed():
    (note,) = unscored_notes(record("unscored", f"reason {n}") for n in range(9))
    assert note.count("×1") == 3
    assert note.endswith("and for other reasons")


def test_where_all_is_scored_nothing_is_said():
    assert not [*unscored_notes([record("scored"), record("error", "x")])]
