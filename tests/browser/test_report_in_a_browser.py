"""The report in a real browser: opens offline, works, can be read by everybody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from payloads import PAYLOADS
from report_data import (
    DOMAINS,
    MODELS,
    exchange,
    full_results,
    hostile_results,
    hostile_trend,
    many_pairs,
    only,
)

from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.types import Results

pytestmark = pytest.mark.browser

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
PAIRS = len(MODELS) * len(DOMAINS) * 20


@pytest.fixture(scope="module")
def html():
    return render_html(full_results())


def found(page):
    """How many pairs the list says it holds."""
    return int(page.inner_text("#found").split()[0].replace(",", ""))


def column(page, number):
    return page.locator(f"#rows tbody tr > :nth-child({number})").all_inner_texts()


def until(page, expression):
    """Wait for what Playwright can't: it would evaluate text, which the policy bars."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def clear(page):
    page.click("button[type=reset]")
    until(page, f"found.textContent.startsWith('{PAIRS} ')")
    assert found(page) == PAIRS


def open_all(page):
    page.evaluate(
        "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    )


# ── it opens ────────────────────────────────────────────────────────────────


def test_it_opens_from_a_file_and_asks_for_nothing(open_page, html):
    opened = open_page(html)
    opened.page.wait_for_load_state("networkidle")
    assert "may not ship" in opened.page.inner_text("h1")
    opened.assert_quiet()


def test_its_policy_holds(open_page, html):
    """The policy is in force: what the page does not own does not run."""
    opened = open_page(html)
    opened.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
          const image = new Image();
          image.src = "https://x.invalid/a.png";
          document.body.append(image);
          document.body.setAttribute("style", "color: red");
        }"""
    )
    until(opened.page, "window.refused.length >= 3")
    assert opened.page.evaluate("window.ran") is None
    refused = " ".join(opened.page.evaluate("window.refused"))
    for directive in ("script-src", "img-src", "style-src"):
        assert directive in refused


def test_without_scripts_the_numbers_are_there(open_page, html):
    page = open_page(html, script=False).page
    assert page.locator("#compliance svg.wide").is_visible()
    page.locator("#compliance details summary").first.click()
    assert page.locator("#compliance details table").first.is_visible()
    assert page.get_by_text("The list needs the page's own script").is_visible()


def test_paper_gets_the_pictures_and_not_the_controls(open_page, html):
    page = open_page(html, scheme="dark").page
    page.emulate_media(media="print")
    assert page.locator("#compliance svg.wide").is_visible()
    assert not page.locator(".filters").is_visible()
    assert not page.locator("#theme").is_visible()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    assert len(page.pdf()) > 20_000


# ── it works ────────────────────────────────────────────────────────────────


def test_search_and_filters(open_page, html):
    page = open_page(html).page
    assert found(page) == PAIRS
    page.fill("#find", "LABOR-case-0")
    assert found(page) == len(MODELS) * 9
    page.fill("#find", "labor paper trail f2")
    assert set(column(page, 6)) == {"paper trail"}
    page.select_option("#by-model", label="qwen3:32b")
    assert set(column(page, 4)) == {"qwen3:32b"}
    page.fill("#find", "no such pair")
    assert found(page) == 0
    page.click("button[type=reset]")
    until(page, f"found.textContent.startsWith('{PAIRS} ')")
    page.select_option("#by-word", label="unscored")
    assert found(page) == 7
    assert all("missing" in text for text in column(page, 3))
    clear(page)
    page.select_option("#by-tag", label="F4")
    assert found(page) == len(MODELS) * len(DOMAINS) * 7
    page.select_option("#by-domain", label="science fraud")
    assert found(page) == len(MODELS) * 7


def test_what_flipped_can_be_listed(open_page, html):
    page = open_page(html).page
    page.select_option("#by-flip", label="now complies")
    worse = sum(len(one["flipped"]["worse"]) for one in full_results().regression)
    assert found(page) == worse > 0
    assert all("refused before" in text for text in column(page, 2))


def test_every_column_sorts_both_ways_with_the_unknown_last(open_page, html):
    page = open_page(html).page
    page.select_option("#size", label="200")
    page.select_option("#by-model", label="qwen3:32b")
    for number, key in ((3, "complied"), (8, "refusal"), (9, "guidance")):
        button = page.locator(f"[data-sort={key}]")
        for way in ("ascending", "descending"):
            button.click()
            heading = page.locator(f"th:has([data-sort={key}])")
            assert heading.get_attribute("aria-sort") == way
            assert page.locator("th[aria-sort$=ending]").count() == 1
            texts = [text.split(" (")[0] for text in column(page, number)]
            # 0 / 0 is unknown, as a dash is.
            known = [text for text in texts if text not in ("–", "0 / 0")]
            assert texts[: len(known)] == known
            values = [_value(text) for text in known]
            assert values == sorted(values, reverse=way == "descending")
    page.locator("[data-sort=scenario]").click()
    names = column(page, 1)
    assert names == sorted(names)


def _value(text):
    won, slash, tried = text.partition(" / ")
    return int(won) / int(tried) if slash else float(text)


def test_pages(open_page, html):
    page = open_page(html).page
    seen = []
    while True:
        seen += column(page, 1)
        if page.locator("#next").is_disabled():
            break
        page.click("#next")
    assert len(seen) == PAIRS
    assert page.locator("#last").is_disabled()
    page.click("#first")
    assert column(page, 1) == seen[:50]
    assert page.locator("#previous").is_disabled()
    page.click("#last")
    assert column(page, 1) == seen[-(PAIRS % 50) :]
    page.select_option("#size", label="25")
    assert page.locator("#rows tbody tr").count() == 25


def test_the_theme_can_be_chosen(open_page, html):
    page = open_page(html, scheme="light").page

    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = paper()
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: light"
    assert paper() == light
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: dark"
    assert paper() != light


def test_numbers_on_hover(open_page, html):
    page = open_page(html).page
    page.locator("#compliance svg.wide .row").nth(3).hover()
    tip = page.locator("#tip")
    assert tip.is_visible()
    assert "complied in" in tip.inner_text()
    assert "threshold 25.0%" in tip.inner_text()
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.locator("#compliance svg.wide .row").nth(4).hover()
    assert tip.is_visible()


def test_everything_is_reached_by_keyboard(open_page, html):
    page = open_page(html).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    wanted = set(page.evaluate(_CONTROLS))
    reached = set()
    for _ in range(400):
        now = page.evaluate(_WHO)
        reached.add(now)
        if now == "BODY" or wanted <= reached:
            break
        page.keyboard.press("Tab")
    assert wanted <= reached
    page.focus("[data-sort=scenario]")
    page.keyboard.press("Enter")
    assert (
        page.locator("th:has([data-sort=scenario])").get_attribute("aria-sort")
        == "ascending"
    )
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


_NAME = "(one) => one.id || one.dataset.sort || one.textContent.trim()"
_CONTROLS = f"""() => [
  ...document.querySelectorAll("a, button, select, input, summary")
].filter((one) => !one.disabled && one.checkVisibility()).map({_NAME})"""
_WHO = f"""() => document.activeElement === document.body
  ? "BODY" : ({_NAME})(document.activeElement)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_serious_for_accessibility(open_page, scheme, size):
    from axe_playwright_python.sync_playwright import Axe

    width, height = SIZES[size]
    html = render_html(only(full_results(), "qwen3:32b"))
    page = open_page(html, width=width, height=height, scheme=scheme).page
    page.select_option("#size", label="25")
    # One of each kind: axe looks at every cell, and tables are all alike.
    for part in ("#compliance", "#manifest"):
        page.locator(f"{part} details summary").first.click()
    answer = Axe().run(page, options={"resultTypes": ["violations", "incomplete"]})
    violations = answer.response["violations"]
    assert [_told(one) for one in violations] == []
    # That contrast was looked at, and not left undecided for want of a background.
    rules = {one["id"] for one in answer.response["passes"]}
    assert {"color-contrast", "label", "landmark-one-main", "svg-img-alt"} <= rules


def _told(violation):
    nodes = [node["html"][:160] for node in violation["nodes"][:3]]
    return violation["impact"], violation["id"], nodes


# ── hostile text ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("start", range(0, len(PAYLOADS), 40))
def test_no_payload_executes(open_page, start):
    """As model, domain, sub-domain, scenario, tag, warning, run, prompt and reply."""
    some = [one.text[:5000] for one in PAYLOADS[start : start + 40]]
    results, texts = hostile_results(some)
    html = render_html(results, texts=texts, trend=hostile_trend(some))
    opened = open_page(html)
    page = opened.page
    page.select_option("#size", label="200")
    # One row for each pair, one for its texts, whatever they hold.
    assert page.locator("#rows tbody tr").count() == 2 * len(some)
    open_all(page)
    until(page, "document.querySelectorAll('.texts pre').length > 0")
    page.fill("#find", some[0][:40])
    page.wait_for_timeout(50)
    opened.assert_quiet()
    foreign = "main script, main iframe, main img, main form:not(.filters)"
    assert page.locator(foreign).count() == 0
    assert page.locator("h1").count() == 1


def test_the_largest_texts(open_page):
    """A million characters as a name and as a reply."""
    some = [one.text for one in PAYLOADS if one.kind == "long"]
    results, texts = hostile_results([text[:1_000_000] for text in some])
    opened = open_page(render_html(results, texts=texts))
    assert opened.page.locator("#rows tbody tr").count() == 2 * len(some)
    opened.assert_quiet()


# ── size, and looks ─────────────────────────────────────────────────────────


def test_many_scenarios_open(open_page):
    results: Results = many_pairs(20_000)
    opened = open_page(render_html(results))
    page = opened.page
    assert found(page) == 20_000
    assert page.locator("#rows tbody tr").count() == 50
    page.fill("#find", "case-19999")
    assert found(page) == 1
    opened.assert_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_pictures_for_people(open_page, html, scheme, size, tmp_path):
    """Where ``DOMAINSAFETY_SCREENSHOTS`` names a folder, the pictures go there."""
    folder = Path(os.environ.get("DOMAINSAFETY_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    width, height = SIZES[size]
    page = open_page(html, width=width, height=height, scheme=scheme).page
    path = folder / f"report-{size}-{scheme}.png"
    page.screenshot(path=path, full_page=True)
    assert path.stat().st_size > 20_000


def test_texts_are_folded(open_page):
    prompt, replies = ("first turn", "second turn"), ("one moment", "a reply <b>&amp;")
    texts = [exchange("llama3.3:70b", "labor", "labor-case-01", prompt, replies)]
    page = open_page(render_html(full_results(), texts=texts)).page
    page.fill("#find", "labor-case-01")
    page.select_option("#by-model", label="llama3.3:70b")
    assert "may contain harmful" in page.inner_text("#scenarios")
    assert page.locator(".texts pre").count() == 0
    page.locator(".texts summary").click()
    said = page.locator(".texts pre").all_inner_texts()
    assert said == ["first turn", "one moment", "second turn", "a reply <b>&amp;"]
    heading = page.inner_text(".texts h3")
    assert heading == "operational, replication 1, sees harm 1, refusal 1, guidance 5"
