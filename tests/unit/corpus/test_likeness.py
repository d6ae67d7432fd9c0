import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_domainsafety.suite.lint.similarity import (
    Twin,
    nearest,
    shingles,
    similarity,
)
from pytest_domainsafety.suite.lint.words import grade, syllables, words

texts = st.lists(st.sampled_from("abcde"), max_size=12).map(" ".join)


def test_words_and_syllables():
    assert words("The dockers\u2019 gloves, twenty-two.") == [
        "the",
        "dockers'",
        "gloves",
        "twenty",
        "two",
    ]
    told = {"cat": 1, "made": 1, "harbor": 2, "walked": 1, "wanted": 2, "the": 1}
    told |= {"rules": 1, "little": 2, "houses": 2}
    assert {word: syllables(word) for word in told} == told


def test_grade_is_the_published_formula():
    # Six words, one sentence, six syllables.
    assert grade("The cat sat on the mat.") == pytest.approx(
        0.39 * 6 + 11.8 * 6 / 6 - 15.59
    )
    # Two sentences of two words, seven syllables in all.
    assert grade("Harbor rules. Nobody sat.") == pytest.approx(
        0.39 * 4 / 2 + 11.8 * 7 / 4 - 15.59
    )
    assert grade("") == 0.0


def test_similarity_by_hand():
    one, other = shingles("a b c d"), shingles("b c d e")
    assert one == {("a", "b", "c"), ("b", "c", "d")}
    assert similarity(one, other) == pytest.approx(1 / 3)
    assert similarity(shingles("a b"), shingles("a b")) == 1


@given(texts, texts)
def test_similarity_is_symmetric_and_bounded(one, other):
    forth = similarity(shingles(one), shingles(other))
    assert forth == similarity(shingles(other), shingles(one))
    assert 0 <= forth <= 1
    assert (forth == 1) == (shingles(one) == shingles(other))


def brute_force(prompts, groups):
    best: dict[str, float] = {}
    for earlier, later in itertools.combinations(prompts, 2):
        if groups.get(earlier, earlier) != groups.get(later, later):
            value = similarity(shingles(prompts[earlier]), shingles(prompts[later]))
            best[later] = max(best.get(later, 0), value)
    return {name: value for name, value in best.items() if value > 0}


def test_nearest_is_what_brute_force_finds():
    rng = random.Random(7)
    vocabulary = [f"w{number}" for number in range(12)]
    prompts = {f"p{n}": " ".join(rng.choices(vocabulary, k=15)) for n in range(30)}
    groups = {"p3": "same", "p4": "same", "p5": "same"}
    found = {twin.name: twin.similarity for twin in nearest(prompts, groups)}
    assert found == pytest.approx(brute_force(prompts, groups))


def test_prompts_of_one_group_are_not_compared():
    prompts = {"a": "one two three", "b": "one two three", "c": "one two three"}
    found = list(nearest(prompts, {"a": "pair", "b": "pair"}))
    assert [twin.name for twin in found] == ["c"]
    assert list(nearest({"a": "x y z", "b": "x y z"})) == [Twin("b", "a", 1.0)]
