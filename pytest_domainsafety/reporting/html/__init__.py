"""The report as a page: one file, offline, from one `Results` object."""

from pytest_domainsafety.reporting.html.page import render_html
from pytest_domainsafety.reporting.html.scenarios import Exchange

__all__ = ["Exchange", "render_html"]
