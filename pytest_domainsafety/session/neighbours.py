"""What other plugins' pages would not know by themselves of a pair or a gate.

A test of ours that passed is an observation, and the node's own name is the model's:
so Allure is told the scenario, and pytest-html gets a column with the outcome. Both
by the hooks that these plugins publish; neither is imported here.
"""

from __future__ import annotations

import sys
from html import escape
from typing import Any

import pytest

from pytest_domainsafety.session.pytest_reports import WORD


def tell_allure(title: str, word: str | None) -> None:
    """Give the present test a name in Allure, and its outcome as a tag."""
    allure: Any = sys.modules.get("allure_commons")
    if allure is not None:
        hook = allure.plugin_manager.hook
        hook.add_title(test_title=title)
        if word is not None:
            hook.add_label(label_type="tag", labels=(word,))


class HtmlColumn:
    """A column of pytest-html's table: what a pair came to, why a gate failed."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[Any]) -> None:
        """Name it."""
        cells.insert(
            1, '<th class="sortable" data-column-type="safety">Domain safety</th>'
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(
        self, report: pytest.TestReport, cells: list[Any]
    ) -> None:
        """Fill it; a test that is not ours has nothing there."""
        told = dict(getattr(report, "user_properties", ()))
        text = getattr(report, WORD, told.get("reason", ""))
        cells.insert(1, f'<td class="col-safety">{escape(str(text))}</td>')
