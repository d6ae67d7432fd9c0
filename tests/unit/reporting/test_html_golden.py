"""The page of a small run, held against what it was before."""

import re

from example_results import example
from golden_files import assert_golden

from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.reporting.html.slide import forest_svg


def without_our_own_files(page):
    """Leave out style sheet, script and hashes, which say nothing of the data."""
    page = re.sub(r"<style>.*?</style>", "<style>…</style>", page, flags=re.S)
    page = re.sub(r"<script>.*?</script>", "<script>…</script>", page, flags=re.S)
    return re.sub(r"sha256-[A-Za-z0-9+/=]{44}", "sha256-…", page)


def test_the_page():
    page = render_html(example(model="llama3.3"))
    assert_golden("report.html", without_our_own_files(page))


def test_the_picture():
    assert_golden("forest.svg", forest_svg(example()))
