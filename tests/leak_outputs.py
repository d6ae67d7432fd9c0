"""How a run meets faults, where a canary is looked for, and in which spellings."""

from __future__ import annotations

import base64
import json
import re

import leak_faults as faults
import pytest
from faultserver import FaultServer

WALKED = "leak walk"


FILES = (
    *("--junitxml=junit.xml", "--safety-json=out.json", "--safety-junit=s.xml"),
    *("--safety-markdown=s.md", "--safety-codequality=q.json", "--safety-html=r.html"),
    *("--log-file=log.txt", "--log-file-level=DEBUG"),
)
LOUD = ("-vv", "-rA", "--tb=long", "-l", "--full-trace", "--log-cli-level=DEBUG")
MODES = {
    "quiet": ("-qq",),
    "long": ("-vv", "-rA", "--tb=long", "--showlocals"),
    "native": ("-v", "-rA", "--tb=native", "-l", "--color=yes"),
    "full-trace": ("-v", "--full-trace", "-l", "-s"),
    "log": ("--log-cli-level=DEBUG", "-o", "junit_logging=all", "-W", "always"),
    "workers": (*LOUD, "-n", "2", "-o", "junit_logging=all"),
    "hashes": ("--safety-store-text", "hash"),
}
STORE = (".domainsafety/store.db",)


def served(table):
    """Return a server whose models each do something wrong (or, `good`, nothing)."""

    def shape(path, body):
        wire, _, fault = body["model"].removesuffix(":latest").partition(".")
        prompt = body["messages"][-1]["content"]
        if "Marlow Street" in prompt:  # the judges' own check
            return 200, faults.openai(content=json.dumps(faults.JUDGED))
        if fault == "good":
            return 200, faults.openai()
        return table[wire][fault](prompt, faults.KEY)

    names = [f"{wire}.{fault}" for wire, table_ in table.items() for fault in table_]
    server = FaultServer(*names, *(f"{name}:latest" for name in names), "o.good")
    server.shape = shape
    return server


def run(place, server, models, judges, mode, request):
    if "-n" in MODES[mode] and not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    address = f"user:{faults.PASSWORD}@127.0.0.1:{server.port}"
    named = [word for model in models for word in ("--safety-model", model)]
    named += [word for judge in judges for word in ("--safety-judge", judge)]
    return place.runpytest_subprocess(
        *named,
        *("--safety-endpoint", f"openai=http://{address}/v1"),
        *("--safety-endpoint", f"ollama=http://{address}"),
        *("--safety-endpoint", f"anthropic=http://{address}"),
        *("--safety-replications=1", "--safety-retries=0", "--safety-resamples=100"),
        *("-p", "no:cacheprovider", *FILES, *MODES[mode], "suites"),
        timeout=300,
    )


def outputs(folder, done):
    """Return every output of a run: what was printed, and all files but its sources."""
    own = {folder / "app.py", folder / "program.py", folder / "suites"}
    found = {"stdout": done.stdout.str().encode(), "stderr": done.stderr.str().encode()}
    for path in sorted(folder.rglob("*")):
        sources = own.intersection((path, *path.parents))
        if path.is_file() and not sources and path.suffix != ".pyc":
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def heard(found, *, prompts_in=(), replies_in=()):
    """Return the (output, canary, what is around it) that are to be heard nowhere.

    Args:
        found: Outputs by name.
        prompts_in: Where prompts may be, as the name's beginning.
        replies_in: Likewise of replies.
    """
    singing = []
    for name, data in found.items():
        text = data.decode("utf-8", "replace")
        for canary, mark in (*faults.CANARIES.items(), ("reply", faults.REPLY)):
            allowed = {"prompt": prompts_in, "reply": replies_in}.get(canary, ())
            if name.startswith(tuple(allowed)):
                continue
            for spelling in spellings(mark):
                match = re.search(spelling, text, re.IGNORECASE)
                if match:
                    around = text[max(0, match.start() - 300) : match.end() + 60]
                    singing.append((name, canary, around))
    return singing


def spellings(mark):
    yield re.escape(mark)
    yield re.escape(json.dumps(mark)[1:-1])
    for shift in range(3):  # within whatever stands before and after it
        coded = base64.b64encode(b"x" * shift + mark.encode())
        yield re.escape(coded[4:-4].decode())
