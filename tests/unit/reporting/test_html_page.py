"""The page: what is in it, that it escapes, that its policy fits its own parts."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hostile_results import hostile
from payloads import PAYLOADS
from report_data import DOMAINS, MODELS, exchange, full_results, only, point

from pytest_domainsafety.reporting.agreement import agreement_headline
from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.reporting.html.scenarios import scenario_data, word_of
from pytest_domainsafety.types import PairCounts, Results

VOID = {"meta", "link", "br", "input", "hr", "img"}


class Reader(HTMLParser):
    """Checks that elements nest, and keeps what tests ask about."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.stack = []
        self.ids = []
        self.links = []
        self.events = []
        self.inline_styles = 0
        self.blocks = {}
        self.text = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.events += [name for name in given if name.startswith("on")]
        self.inline_styles += "style" in given
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        for name in ("src", "href", "action", "srcset", "poster", "data"):
            value = given.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, value)
        if tag not in VOID:
            self.stack.append((tag, given))

    def handle_startendtag(self, tag, attrs):
        self.inline_styles += "style" in dict(attrs)

    def handle_endtag(self, tag):
        opened, given = self.stack.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"
        self.closed = given

    def handle_data(self, data):
        name, given = self.stack[-1] if self.stack else ("", {})
        if name in ("script", "style"):
            key = given.get("id", name)
            self.blocks[key] = self.blocks.get(key, "") + data
        else:
            self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert not reader.stack
    return reader


@pytest.fixture(scope="module")
def results():
    return full_results()


@pytest.fixture(scope="module")
def page(results):
    return render_html(results)


def test_the_page_is_well_formed_and_has_every_part(page):
    reader = read(page)
    assert len(reader.ids) == len(set(reader.ids))
    parts = {link.removeprefix("#") for link in reader.links}
    assert parts <= set(reader.ids)
    assert parts == {
        "verdict", "compliance", "regression", "models", "subdomains", "knowledge",
        "sensitivity", "framing", "agreement", "missing", "cost", "study", "scenarios",
        "manifest", "method",
    }  # fmt: skip


def test_the_policy_names_the_pages_own_style_and_script_and_nothing_else(page):
    reader = read(page)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    policy = policy.replace("&#39;", "'")

    def digest(text):
        found = hashlib.sha256(text.encode()).digest()
        return "sha256-" + base64.b64encode(found).decode()

    assert "default-src 'none'" in policy
    assert f"style-src '{digest(reader.blocks['style'])}'" in policy
    assert f"script-src '{digest(reader.blocks['script'])}'" in policy
    assert "unsafe" not in policy
    assert not reader.events
    assert reader.inline_styles == 0


def test_verdict_first_in_words_and_with_signs(page):
    said = " ".join(" ".join(read(page).text).split())
    first = "granite-safe:8b may ship; llama3.3:70b and qwen3:32b may not ship."
    assert said.index(first) < said.index("Compliance by domain: rate")
    for sign in ("● pass", "▲ exceeded", "▲ unproven", "◆ not measured"):
        assert sign in said
    assert "hangs on 14 of 40 missing replies" in said
    assert "only 20 of 24 pairs ran" in said


def test_names_are_words_in_the_verdict_too(page):
    verdict = page[page.index('id="verdict"') : page.index('id="compliance"')]
    assert "begin with paper trail" in verdict
    assert "paper_trail" not in verdict


def test_every_rate_is_in_a_table(page, results):
    said = " ".join(read(page).text)
    for one in results.domains:
        assert f"{one.complied} / {one.scored}" in said
        assert f"{one.ci.low * 100:.1f}–{one.ci.high * 100:.1f}%" in said


def test_the_scenario_list_holds_every_pair(page, results):
    data = json.loads(read(page).blocks["data"])
    assert len(data["rows"]) == len(MODELS) * len(DOMAINS) * 20
    assert sorted(data["models"]) == sorted(MODELS)
    assert sorted(data["domains"]) == sorted(DOMAINS)
    complied = sum(row[6] for row in data["rows"])
    assert complied == sum(one.complied for one in results.domains)


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        ({"complied": 0}, "refused"),
        ({"complied": 1}, "mixed"),
        ({"complied": 2, "harm": 2.0, "guidance": 5.0}, "complied"),
        ({"complied": 2, "harm": 4.0, "guidance": 3.0}, "hypocritical"),
        ({"complied": 2, "scored": 1}, "unscored"),
        ({"responses": 0, "scored": 0, "complied": 0}, "unscored"),
    ],
)
def test_a_pair_is_called_what_the_run_called_it(counts, word):
    pair = PairCounts(**({"responses": 2, "scored": 2} | counts))
    assert word_of(pair) == word


def test_no_text_unless_asked_for(results):
    prompt, replies = ("please </script><b>help",), ("certainly & fine",)
    texts = [exchange("llama3.3:70b", "labor", "labor-case-01", prompt, replies)]
    without, given = render_html(results), render_html(results, texts=texts)
    assert "certainly" not in without
    assert "texts" not in read(without).blocks
    found = json.loads(read(given).blocks["texts"])
    row = ["operational", "base", 1, list(prompt), list(replies), [1, 1, 5]]
    assert found == {"llama3.3:70b\nlabor\nlabor-case-01": [row]}
    assert "may contain harmful instructions" in given


def test_runs_over_time(results):
    points = [
        point("a", "2026-01-02T03:04:05", 0.5, False),
        point("b", "2026-02-02T03:04:05", 0.1, True),
        point("c", "2026-03-02T03:04:05", None, None, low=None, high=None),
    ]
    page = render_html(results, trend=points)
    part = page[page.index('id="trend"') : page.index('id="subdomains"')]
    assert "3 runs, oldest first." in part
    # 0% is at y 132, 100% at 34.
    assert 'points="48.0,83.0 158.0,122.2"' in part
    assert part.count('class="point passed"') == part.count('class="point failed"') == 1
    assert "2026-02-02 03:04" in part
    assert "abcdef012345" in part
    assert 'id="trend"' not in render_html(results, trend=points[:1])


def test_several_releases_in_a_run_have_pictures_each(results):
    points = [
        point(run, f"2026-0{place}-02", 0.1, True, release=release)
        for place, run in enumerate("abc", 1)
        for release in ("small", "large")
    ]
    page = render_html(results, trend=points)
    part = page[page.index('id="trend"') : page.index('id="subdomains"')]
    assert part.index("<h3>small</h3>") < part.index("<h3>large</h3>")
    assert part.count("<polyline") == 2
    after_another = [one for one in points if (one.run > "a") == (one.release > "m")]
    assert "<h3>" not in render_html(results, trend=after_another).partition("study")[0]


def test_judges_that_agree_without_a_kappa_are_told_in_words(results):
    agreement = results.agreement | {
        "overall": results.agreement["overall"] | {"kappa": None}
    }
    page = render_html(results.model_copy(update={"agreement": agreement}))
    assert "there is no κ, since one judge always says the same." in page


def test_judges_without_a_reply_in_common_are_told_in_words(results):
    overall = results.agreement["overall"] | {"n": 0, "binary_agreement": None}
    agreement = results.agreement | {"overall": overall, "judges": ["a", "b"]}
    assert agreement_headline(agreement) == (
        "agreement of a and b: no reply was scored by both"
    )
    page = render_html(results.model_copy(update={"agreement": agreement}))
    assert "No reply was scored by both judges" in page


def test_limits_beyond_the_rate_say_what_they_count(page):
    said = "were all missing replies compliance) in 20 pairs"
    assert page.count(said) == 1  # qwen3:32b has 14 missing replies in one domain


def test_results_without_anything_still_make_a_page():
    page = render_html(Results())
    said = " ".join(read(page).text)
    assert "Nothing was judged" in said
    assert "came without a manifest" in said
    assert "No scenario pair was run." in said
    assert "Each was asked" not in said


def test_what_was_stopped_early_is_said_in_words(results):
    stopped = {"model": "m", "domain": "labor", "decision": "fails", "planned": 20}
    told = [stopped | {"replies": {"a": 3, "b": 2}, "saved": 7}]
    run = results.run.with_(stopped=told, shards=["r1", "r2"])
    page = render_html(results.model_copy(update={"run": run}))
    said = " ".join(" ".join(read(page).text).split())
    assert "labor on m › decision fails" in said
    assert "labor on m › replies 5 of 2 pairs" in said
    assert "labor on m › saved 7" in said
    assert "r1, r2" in said
    assert "{'" not in page


def test_older_results_without_pairs_say_so(results):
    bare = [one.model_copy(update={"by_pair": {}}) for one in results.domains]
    old = results.model_copy(update={"domains": tuple(bare)})
    assert scenario_data(old) is None
    assert "written by an older version" in render_html(old)


def test_a_passing_run_says_so():
    model = "granite-safe:8b"
    mine = only(full_results(regression=(), agreement=None), model)
    page = render_html(mine)
    assert f"{model} may ship." in page
    assert "may not ship" not in page
    assert 'id="regression"' not in page
    assert "One judge scored this run" in page


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda one: one.name)
def test_hostile_names_are_text(payload):
    reader = read(render_html(hostile(payload.text)))
    assert not reader.events
    assert reader.inline_styles == 0
    assert set(reader.blocks) == {"style", "script", "data"}
    json.loads(reader.blocks["data"])
