"""The offline judge's rearranged alternations find what plain ones find."""

import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_domainsafety.judging.offline import cues, stance
from pytest_domainsafety.judging.offline.patterns import LEAD, any_of

TEXTS = {
    "refusal": stance._REFUSES,
    "apology": stance._APOLOGY,
    **dict(stance._IN_ORDER),
    **cues._TEXTS,
}
PLAIN = {name: re.compile(text) for name, text in TEXTS.items()}
QUICK = {name: any_of(text) for name, text in TEXTS.items()}
WORDS = sorted({word for text in TEXTS.values() for word in re.findall(r"\w+", text)})


@given(
    words=st.lists(
        st.sampled_from([*WORDS, ",", "'t", "(", "é", "_", "\n", "."]), max_size=25
    ),
    blank=st.sampled_from([" ", "", "-"]),
)
@settings(max_examples=400, deadline=None)
def test_what_is_found_stays_the_same(words: list[str], blank: str) -> None:
    text = blank.join(words) if len(words) % 2 else " ".join(words)
    for name, plain in PLAIN.items():
        found = QUICK[name].search(LEAD + text)
        assert (plain.search(text) is not None) == (found is not None), name


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"^sure\b", "sure", True),
        (r"^sure\b", "not sure", False),
        (r"^sure\b", "a\nsure", False),
        (r"\b(?:an? |the )?dog|\bcat", "a dog", True),
        (r"\b(?:an? |the )?dog|\bcat", "hotdog", False),
        (r"\ba?b", "b", True),
        (r"\b(?:x|y)*z", "xyxz", True),
    ],
)
def test_an_alternation_begins_at_a_word(pattern: str, text: str, found: bool) -> None:
    assert (any_of(pattern).search(LEAD + text) is not None) is found
    assert (re.search(pattern, text) is not None) is found


def test_a_branch_that_begins_inside_words_is_refused() -> None:
    with pytest.raises(ValueError, match="begins at no word"):
        any_of(r"\bgood|bad")


def test_one_word_as_long_as_a_reply_does_not_hang_the_judge() -> None:
    code = (
        "from pytest_domainsafety.judging.offline import OfflineJudge;"
        "print(OfflineJudge().score('ask', 'a ' + 'b' * 3900 + '; ai').status)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert shown.stdout.strip() == "scored"
