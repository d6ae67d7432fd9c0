"""The report as a page: one file, offline, from one `Results` object."""

from pytest_domainsafety.reporting.html.page import render_html

__all__ = ["render_html"]
