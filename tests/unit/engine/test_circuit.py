"""A dead server is given up soon; a prompt that always fails is no dead server."""

import pytest

from pytest_domainsafety.engine.asking import PROMPTS, SILENCE_S, Circuit
from pytest_domainsafety.errors import ServerFault, ServerUnreachable

DEAD = ServerUnreachable("http://127.0.0.1:1: nothing answers there.")
BROKEN = ServerFault("http://127.0.0.1:1 answered 500.")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def circuit(clock):
    return Circuit(clock)


def is_open(circuit):
    try:
        circuit.check()
    except (ServerFault, ServerUnreachable):
        return True
    return False


def test_different_prompts_in_a_row_open_it(circuit):
    for prompt in range(PROMPTS - 1):
        circuit.request_failed(prompt, BROKEN)
    assert not is_open(circuit)
    circuit.request_failed(PROMPTS, BROKEN)
    assert is_open(circuit)


def test_one_prompt_that_always_fails_leaves_it_closed(circuit, clock):
    for _ in range(100):
        clock.now += 10
        circuit.try_failed(1, BROKEN, clock.now)
        circuit.request_failed(1, BROKEN)
    assert not is_open(circuit)


def test_an_answer_forgives(circuit):
    for prompt in range(10 * PROMPTS):
        circuit.request_failed(prompt, BROKEN)
        circuit.answered()
    assert not is_open(circuit)


def test_a_server_that_hangs_on_connect_is_given_up_within_a_minute(circuit, clock):
    while clock.now < 60 and not is_open(circuit):
        began = clock.now
        clock.now += 10  # the connect time-out
        circuit.try_failed(1, DEAD, began)
    assert is_open(circuit)
    assert clock.now <= SILENCE_S + 10


def test_failed_tries_over_a_long_silence_open_it(circuit, clock):
    for prompt in (1, 2, 3):
        circuit.try_failed(prompt, BROKEN, clock.now)
    assert not is_open(circuit)
    clock.now = SILENCE_S
    circuit.try_failed(3, BROKEN, clock.now)
    assert is_open(circuit)
