"""Every item goes to one worker, and the worker can tell which before it is sent."""

from itertools import chain
from types import SimpleNamespace

import pytest

pytest.importorskip("xdist")

from pytest_domainsafety.session.xdist_parts import SENT_AT_ONCE, PartScheduling, part


class Worker:
    def __init__(self, name):
        self.gateway = SimpleNamespace(id=name)
        self.shutting_down = False
        self.sent = []

    def send_runtest_some(self, places):
        assert not self.shutting_down
        self.sent += places

    def shutdown(self):
        self.shutting_down = True


def scheduling(workers, items):
    told = {"tx": [f"{workers}*popen"], "maxschedchunk": None}
    config = SimpleNamespace(getoption=told.get, getvalue=told.get, hook=None)
    numbers = {f"gw{number}": number for number in range(workers)}
    log = SimpleNamespace(loadsched=lambda *_: None)
    made = PartScheduling(config, log, numbers)
    nodes = [Worker(name) for name in numbers]
    for node in nodes:
        made.add_node(node)
        made.add_node_collection(node, [f"item{number}" for number in range(items)])
    made.schedule()
    return made, nodes


def run_out(made, nodes):
    """Let the workers run until all is done; return who ran what, in order."""
    ran = {node: [] for node in nodes}
    while made.has_pending:
        before = sum(map(len, ran.values()))
        for node in nodes:
            waiting = made.node2pending.get(node)
            if waiting:
                ran[node].append(waiting[0])
                made.mark_test_complete(node, waiting[0])
        assert sum(map(len, ran.values())) > before, "nobody goes on"
    return ran


@pytest.mark.parametrize(("items", "workers"), [(103, 4), (3, 4), (1, 2), (8, 1)])
def test_each_worker_runs_the_part_that_it_foresaw(items, workers):
    made, nodes = scheduling(workers, items)
    ran = run_out(made, nodes)
    for number, node in enumerate(nodes):
        assert ran[node] == list(part(items, workers, number))
    assert made.tests_finished
    assert all(node.shutting_down for node in nodes)


def test_little_is_sent_ahead_so_that_a_stop_stops():
    _made, nodes = scheduling(2, 1000)
    assert [len(node.sent) for node in nodes] == [SENT_AT_ONCE] * 2


def test_what_a_dead_worker_leaves_goes_to_the_others():
    made, nodes = scheduling(3, 90)
    dead, *alive = nodes
    made.mark_test_complete(dead, 0)
    assert made.remove_node(dead) == "item1"
    ran = run_out(made, alive)
    rest = sorted(chain(*ran.values()))
    assert rest == list(range(2, 90))


def test_a_worker_that_came_later_foresees_nothing_and_runs_what_is_left():
    made, (dead, other) = scheduling(2, 40)
    made.remove_node(dead)
    late = Worker("gw2")
    assert list(part(40, 2, 2)) == []
    made.add_node(late)
    made.add_node_collection(late, made.collection)
    made.schedule()
    ran = run_out(made, [other, late])
    assert ran[late]
    assert sorted(ran[late] + ran[other]) == list(range(1, 40))
