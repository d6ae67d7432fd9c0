"""A real browser: Debian's Chromium, driven by Playwright.

These tests fail, and never skip, where the browser is missing: run them by
``tox -e browser``, after ``.ci/install-chromium``.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import Any

import pytest

# Kept by the page itself: what its own policy refused.
_WATCH = """
window.refused = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.refused.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


@dataclass
class Opened:
    """A page with everything that it did.

    Attributes:
        requests: Addresses asked for, the file itself aside.
        console: Messages in the console, errors of scripts included.
        dialogs: Texts of alerts: what a payload would open.
    """

    page: Any
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def assert_quiet(self):
        """Hold that the page asked for nothing, ran nothing, and met no error."""
        assert self.requests == []
        assert self.console == []
        assert self.dialogs == []
        assert self.page.evaluate("window.refused") == []


@pytest.fixture(scope="session")
def browser():
    """A running browser."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("DOMAINSAFETY_CHROMIUM") or shutil.which("chromium")
    assert path, "no chromium here: bash .ci/install-chromium"
    with sync_playwright() as playwright:
        # A container's root has no sandbox, and its /dev/shm is small.
        flags = ["--no-sandbox", "--disable-dev-shm-usage"]
        running = playwright.chromium.launch(executable_path=path, args=flags)
        yield running
        running.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Return a function that opens HTML from a file."""
    contexts = []

    def open_html(html, *, width=1280, height=900, scheme="light", script=True):
        path = tmp_path / "report.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            java_script_enabled=script,
        )
        contexts.append(context)
        context.add_init_script(_WATCH)
        opened = Opened(context.new_page())
        page, own = opened.page, path.as_uri()
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url == own or asked.url.startswith("data:")
                else opened.requests.append(asked.url)
            ),
        )
        page.on("console", lambda message: opened.console.append(message.text))
        page.on("pageerror", lambda error: opened.console.append(str(error)))
        page.on("dialog", lambda dialog: _note(opened, dialog))
        page.goto(own)
        return opened

    yield open_html
    for context in contexts:
        context.close()


def _note(opened, dialog):
    opened.dialogs.append(dialog.message)
    dialog.dismiss()
