"""The report as a page: one file, offline.

In: one `Results`, and, where the user asked, prompts and replies from the store and
points of earlier runs. Out: HTML (`render_html`); the forest plot alone as SVG or PNG
(`slide`). `sections` says which parts there are, `figures`, `forest`, `comparisons`
and `study` make them, `rowchart` draws, `markup` escapes. `reporting.files` and
`domainsafety report` call it.
"""

from pytest_domainsafety.reporting.html.page import render_html

__all__ = ["render_html"]
