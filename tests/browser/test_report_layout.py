"""The report's page at every width: nothing is cut, nothing covers another thing."""

from __future__ import annotations

import pytest
from report_data import MODELS, full_results

from pytest_domainsafety.reporting.html import render_html

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def html():
    return render_html(full_results())


@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_no_width_scrolls_sideways(open_page, html, width):
    page = open_page(html, width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_pictures_and_the_list_find_room(open_page, html, width):
    page = open_page(html, width=width).page
    parts = page.locator("figure .scroll, [aria-label='Scenario list']")
    assert parts.count() == 2
    reach = parts.evaluate_all("(all) => all.map((one) => one.scrollWidth)")
    room = parts.evaluate_all("(all) => all.map((one) => one.clientWidth)")
    # Beside the list's ten columns, a screen of 1280 leaves out the tags.
    assert all(a <= b + 60 * (width == 1280) for a, b in zip(reach, room, strict=True))


def test_a_fifth_model_makes_the_heat_map_scroll(open_page):
    results = full_results()
    copies = [
        one.model_copy(update={"model": f"{one.model}-{number}"})
        for number in range(2)
        for one in results.domains
    ]
    html = render_html(results.model_copy(update={"domains": tuple(copies)}))
    page = open_page(html, width=390).page
    assert page.locator(".heat td:visible").count() == len(copies)
    scroll = page.locator(".scroll:has(.heat)")
    assert scroll.evaluate("(one) => one.scrollWidth > one.clientWidth")
    scroll.evaluate("(one) => { one.scrollLeft = 300; }")
    left = scroll.bounding_box()["x"]
    for heading in page.locator(".heat tbody th").all():
        assert abs(heading.bounding_box()["x"] - left) < 1


_OVERLAPS = """() => {
  const found = [];
  for (const row of document.querySelectorAll("svg.chart .row")) {
    if (!row.checkVisibility()) continue;
    const sheet = row.closest("figure").getBoundingClientRect();
    const texts = [...row.querySelectorAll("text")];
    const boxes = texts.map((one) => one.getBoundingClientRect());
    boxes.forEach((box, place) => {
      const name = texts[place].textContent;
      if (box.left < sheet.left || box.right > sheet.right) found.push(name);
      const next = boxes.slice(place + 1).findIndex((other) =>
        box.left < other.right - 1 && other.left < box.right - 1 &&
        box.top < other.bottom - 3 && other.top < box.bottom - 3);
      if (next >= 0) found.push(`${name} / ${texts[place + 1 + next].textContent}`);
    });
  }
  return found;
}"""


@pytest.mark.parametrize(
    "name", ["a/model-of-a-long-name:{}-instruct-q4_K_M", "模型{}"]
)
@pytest.mark.parametrize("width", [390, 1280])
def test_no_text_of_a_chart_covers_another(open_page, width, name):
    results = full_results()

    def renamed(one, number):
        parts = {f"{name} {part}": one.subdomains[part] for part in one.subdomains}
        return {"model": name.format(number), "subdomains": parts}

    names = {model: place for place, model in enumerate(MODELS)}
    changed = results.model_copy(
        update={
            "domains": tuple(
                one.model_copy(update=renamed(one, names[one.model]))
                for one in results.domains
            )
        }
    )
    page = open_page(render_html(changed), width=width).page
    assert page.evaluate(_OVERLAPS) == []


def test_a_phone_and_a_screen_have_their_own_pictures(open_page, html):
    for width, shown, hidden in ((390, "narrow", "wide"), (1280, "wide", "narrow")):
        page = open_page(html, width=width).page
        assert page.locator(f"#compliance svg.{shown}").is_visible()
        assert not page.locator(f"#compliance svg.{hidden}").is_visible()
