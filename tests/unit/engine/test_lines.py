"""Work in line: what was begun goes on, also where its line was empty meanwhile."""

from pytest_domainsafety.engine.lines import Line


def drawn(line):
    """Return what all that waits comes to, in the order in which it is drawn."""
    found = []
    while len(line):
        job = line.draw()
        found += [] if job is None else [job]
    return found


def add(line, *names):
    for name in names:
        line.add(iter([name]), tuple(name[:2]))


def test_a_line_that_was_empty_goes_on_with_what_it_had_last():
    line = Line()
    add(line, "ap1")
    assert drawn(line) == ["ap1"]
    add(line, "bp2", "aq3", "ap4", "ar5", "ap6")
    assert drawn(line) == ["ap4", "ap6", "aq3", "ar5", "bp2"]


def test_nothing_is_lost_and_what_is_forgotten_is_gone():
    line = Line()
    add(line, *(f"{a}{b}{n}" for n in range(3) for a in "abc" for b in "pq"))
    assert len(line) == 18
    assert len(set(drawn(line))) == 18
    add(line, "ap1")
    line.clear()
    assert len(line) == 0
    assert drawn(line) == []
