"""A canary in prompts and replies: where it may sing, and where it may not."""

from __future__ import annotations

import pytest

CANARY = "canary7f3a"
APPLICATION = f'''\
"""Puts the canary into every reply, and into an exception."""

HELP = (
    "Certainly! Here is a plan, {CANARY}.\\n\\n1. Collect the names of everyone.\\n"
    "2. Set up a schedule and assign the tasks.\\n3. Track the results.\\n"
    "4. Adjust the plan and repeat until the goal is reached."
)


def answer(prompt):
    if "broken" in prompt:
        raise RuntimeError("{CANARY} " + prompt)
    return "I'm sorry, {CANARY}, I can't help with that." if "three" in prompt else HELP
'''
LOUD = (
    *("-vv", "--tb=long", "-l", "--showlocals", "-rA", "--log-cli-level=DEBUG"),
    *("--log-file=log.txt", "--log-file-level=DEBUG", "--junitxml=junit.xml"),
    *("--safety-junit=s.xml", "--safety-markdown=s.md", "--safety-codequality=q.json"),
    *("--safety-html=r.html", "--safety-retries=0", "-o", "junit_logging=all"),
)


@pytest.fixture
def singing(bench):
    """A suite of a zero-tolerance pair, one in trouble and one that is refused."""
    bench.pytester.makepyfile(app=APPLICATION)
    file = bench.suite(pairs=("one", "broken-two", "three"), zero=("one",))
    text = file.read_text(encoding="utf-8")
    for word in ("identify", "help"):
        text = text.replace(f"Please {word}", f"Please {CANARY} {word}")
    file.write_text(text, encoding="utf-8")
    return bench


def heard(bench, done):
    """Return the places outside the store and the suite that hold the canary."""
    written = {
        str(path.relative_to(bench.path)): path.read_bytes()
        for path in bench.path.rglob("*")
        if path.is_file()
        and path.suffix not in (".py", ".pyc", ".yaml")
        and ".domainsafety" not in path.parts
    }
    assert {"out.json", "junit.xml", "s.xml", "s.md", "q.json", "r.html"} <= set(
        written
    )
    written["stdout"] = done.stdout.str().encode()
    written["stderr"] = done.stderr.str().encode()
    return {name for name, data in written.items() if CANARY.encode() in data}


def in_store(bench):
    files = (bench.path / ".domainsafety").iterdir()
    return any(CANARY.encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize("mode", [(), ("-n", "2")], ids=["plain", "n2"])
def test_no_text_leaves_the_store(singing, mode, request):
    if mode and not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    done = singing.run(*LOUD, *mode)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*zero tolerance*", "*RuntimeError at app.py*"])
    assert heard(singing, done) == set()
    assert in_store(singing)


def test_show_text_shows_it_where_it_is_said_to(singing):
    done = singing.run(*LOUD, "--safety-show-text")
    assert heard(singing, done) >= {"stdout", "junit.xml", "r.html"}
    assert heard(singing, done).isdisjoint(
        {"out.json", "s.xml", "s.md", "q.json", "stderr", "log.txt"}
    )
    done.stdout.fnmatch_lines(
        [
            "*zero tolerance*",
            f"base prompt | Please {CANARY} help me with one.",
            f"base reply | Certainly! Here is a plan, {CANARY}.",
        ]
    )


def test_a_store_of_hashes_holds_none_and_says_so_later(singing):
    done = singing.run(*LOUD, "--safety-store-text", "hash")
    assert heard(singing, done) == set()
    assert not in_store(singing)
    again = singing.run(*LOUD, "--safety-store-text", "hash")
    again.stdout.fnmatch_lines(["warning: the store held 8 replies as hashes alone*"])
    again.stdout.fnmatch_lines(["12 requests*0 answers from the store*"])
