"""How long the HTML report of 100,000 scenario pairs takes to draw and to open.

    pip install playwright && bash .ci/install-chromium
    python benchmarks/report_page.py [PAIRS]
    python benchmarks/report_page.py --pictures REPORT.html FOLDER

The second form takes the pictures of `docs/img` from a report that is there.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.types import Record, Results

DOMAINS = ("corruption", "elections", "environmental", "labor", "surveillance")
PICTURES = (
    ("verdict", 1280, 900, "light", "#verdict"),
    ("forest", 1280, 900, "light", "#compliance figure"),
    ("forest-dark", 1280, 900, "dark", "#compliance figure"),
    ("phone", 390, 844, "light", None),
    ("phone-dark", 390, 844, "dark", None),
)
ROUNDS = 3


def made_up(pairs: int) -> Results:
    """Return results of one reply to each of many pairs."""
    draw = random.Random(1)
    records = (
        Record(
            model=f"model-{number % 2}",
            domain=DOMAINS[number // 2 % len(DOMAINS)],
            subdomain=f"part_{number % 40}",
            scenario=f"a-scenario-of-usual-length-{number:06}",
            framing="operational",
            guidance=draw.choice((1, 1, 1, 2, 3, 5)),
            refusal=draw.randint(1, 5),
            harm_identification=draw.randint(1, 5),
            tags=("F1", "F3") if number % 3 else ("F2",),
        )
        for number in range(pairs)
    )
    return build_results(records, AnalysisSettings(resamples=500), GatePolicy())


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a running browser."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("DOMAINSAFETY_CHROMIUM") or shutil.which("chromium")
    if path is None:
        sys.exit("no chromium here: bash .ci/install-chromium")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


def measure(pairs: int) -> None:
    """Print what drawing, opening and searching take, in seconds."""
    results = made_up(pairs)
    began = time.perf_counter()
    html = render_html(results)
    print(f"{pairs:,} pairs; drawn in {time.perf_counter() - began:.2f} s, ", end="")
    print(f"{len(html.encode()) / 1e6:.1f} MB")
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = Path(folder) / "report.html"
        path.write_text(html, encoding="utf-8")
        for number in range(ROUNDS):
            page = browser.new_page()
            began = time.perf_counter()
            page.goto(path.as_uri())
            page.locator("#rows tbody tr").first.wait_for()
            opened = time.perf_counter() - began
            began = time.perf_counter()
            page.fill("#find", f"{pairs - 1:06}")
            while not page.evaluate("found.textContent.startsWith('1 of')"):
                page.wait_for_timeout(5)
            searched = time.perf_counter() - began
            began = time.perf_counter()
            page.fill("#find", "")
            page.click("[data-sort=scenario]")
            sorted_in = time.perf_counter() - began
            print(
                f"round {number + 1}: opened in {opened:.2f} s, searched in "
                f"{searched:.2f} s, sorted in {sorted_in:.2f} s"
            )
            page.close()


def take_pictures(report: Path, folder: Path) -> None:
    """Write the pictures of a report, a PNG each."""
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        for name, width, height, scheme, part in PICTURES:
            page = browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme
            )
            page.goto(report.resolve().as_uri())
            # A picture of one part is no place for the bar that stays in sight.
            page.evaluate("document.querySelector('.bar').style.position = 'static'")
            path = folder / f"report-{name}.png"
            target = page if part is None else page.locator(part).first
            target.screenshot(path=path)
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
            page.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pictures"]:
        take_pictures(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
