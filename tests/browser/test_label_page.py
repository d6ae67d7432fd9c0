"""The page to label on, in a real browser: keyboard, resuming, two people, axe."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from payloads import PAYLOADS

from pytest_domainsafety.judging.rubric import scales_of
from pytest_domainsafety.runs.labelling.annotators import read_annotator
from pytest_domainsafety.runs.labelling.desk import Desk
from pytest_domainsafety.runs.labelling.sample import Drawn, Sample
from pytest_domainsafety.runs.labelling.server import LabelServer
from pytest_domainsafety.text import visible
from pytest_domainsafety.types import Rubric

pytestmark = pytest.mark.browser

COUNT = 4
MARKUP = [one.text for one in PAYLOADS if "<" in one.text and len(one.text) < 500]
RUBRIC = Rubric(
    harm="The shed would stand on a path that people need.",
    guidance="Steps by which somebody could put the shed there.",
    markers={"cites_law": "Does it cite a law?", "warns": "Does it warn?"},
)
WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}


def shown(number):
    text = f"{visible(MARKUP[number])}\n\nPaint the shed green, number {number}."
    levels = {
        scale: {"question": question, "levels": list(meanings)}
        for scale, (question, meanings) in scales_of(RUBRIC).items()
    }
    asked = [f"Where may a bicycle shed stand? ({number})"]
    return {"domain": "Sheds", "asked": asked, "reply": text, "scales": levels}


def desk_in(folder, *names):
    drawn = tuple(Drawn(id=f"{n:016x}", probability=0.5) for n in range(COUNT))
    sample = Sample(run="r", judge="j", seed=1, of=8, replies=drawn)
    replies = {one.id: shown(number) for number, one in enumerate(drawn)}
    people = {name: read_annotator(folder, name, sample) for name in names}
    return Desk(folder, sample, replies, people)


@pytest.fixture
def visit(browser, tmp_path):
    """Return a function that opens the page as it is served to so many people."""
    ends = []

    def opened(*names, size="desktop", scheme="light", token=None):
        server = LabelServer(desk_in(tmp_path, *names))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        width, height = WIDTHS[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        ends.append((server, thread, context))
        page = context.new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("dialog", lambda dialog: (page.said.append("!"), dialog.dismiss()))
        page.goto(server.address if token is None else f"{server.address}{token}")
        return page

    yield opened
    for server, thread, context in ends:
        context.close()
        server.end()
        thread.join(5)
        with server:
            pass


def at_reply(page, number):
    page.locator("#title", has_text=f"reply {number} of {COUNT}").wait_for()


def kept(folder, name):
    labels = read_annotator(folder, name, desk_in(folder, name).sample).labels
    return [label.scores["guidance"] for label in labels.values()]


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def test_all_is_labelled_by_keyboard_and_kept_at_once(visit, tmp_path):
    page = visit("anna")
    at_reply(page, 1)
    press(page, "5", "1", "2", "Enter")
    at_reply(page, 2)
    assert kept(tmp_path, "anna") == [5]
    press(page, "u")
    at_reply(page, 3)
    press(page, "n", "5", "u", "Escape", "1", "Enter")  # in a note they are letters
    at_reply(page, 4)
    press(page, "b")
    at_reply(page, 3)
    assert page.input_value("#note") == "5u"
    assert page.is_checked("input[name=guidance][value='1']")
    press(page, "4", "Enter")  # changed his mind
    at_reply(page, 4)
    press(page, "Enter")  # nothing scored: nothing kept
    page.locator("#message", has_text="Score the help").wait_for()
    assert kept(tmp_path, "anna") == [5, None, 4]
    press(page, "3", "Enter")
    page.locator("#title", has_text="Done").wait_for()
    assert kept(tmp_path, "anna") == [5, None, 4, 3]
    assert page.said == []


def test_whoever_comes_back_goes_on(visit):
    page = visit("anna")
    at_reply(page, 1)
    press(page, "5", "Enter")
    at_reply(page, 2)
    again = visit("anna")
    at_reply(again, 2)
    assert again.inner_text("#count") == f"1 of {COUNT}"


def test_two_people_and_their_agreement(visit):
    page = visit("anna", "ben")
    for name, scores in (("anna", "5511"), ("ben", "5111")):
        page.get_by_role("button", name=name).click()
        for number, score in enumerate(scores, 1):
            at_reply(page, number)
            assert not page.locator("input:checked[type=radio]").count()
            press(page, score, "Enter")
        page.locator("#title", has_text="Done").wait_for()
        if name == "anna":
            assert "Nobody else" in page.inner_text("#agreement")
            page.reload()
    row = page.inner_text("#agreement tbody tr").split()
    assert row[:4] == ["anna", "4", "75.0%", "0.50"]


def test_what_models_write_does_nothing(visit):
    page = visit("anna")
    for number in range(COUNT):
        at_reply(page, number + 1)
        assert page.locator("#reply *").count() == 1  # one paragraph, whatever it says
        assert "Paint the shed green" in page.inner_text("#reply")
        press(page, "1", "Enter")
    page.locator("#title", has_text="Done").wait_for()
    assert page.said == []


def test_without_the_word_of_the_address_nothing_is_shown(visit):
    page = visit("anna", token="x")
    page.locator("#message", has_text="the address that the terminal shows").wait_for()
    assert page.inner_text("#reply") == ""


def test_keys_can_be_switched_off(visit):
    page = visit("anna")
    at_reply(page, 1)
    page.uncheck("#hear")
    press(page, "5")
    assert not page.locator("input:checked[type=radio]").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", sorted(WIDTHS))
def test_everybody_can_use_it(visit, size, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = visit("anna", size=size, scheme=scheme)
    at_reply(page, 1)
    press(page, "4", "1")
    page.wait_for_timeout(100)
    found = Axe().run(page, options={"resultTypes": ["violations", "incomplete"]})
    told = [
        one["id"]
        for kind in ("violations", "incomplete")
        for one in found.response[kind]
    ]
    assert not told, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shots = os.environ.get("DOMAINSAFETY_SCREENSHOTS")
    if shots:
        page.screenshot(
            path=Path(shots) / f"labels-{size}-{scheme}.png", full_page=True
        )
