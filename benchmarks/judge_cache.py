"""What share of a judge's prompts a real llama.cpp server takes from its cache.

    python benchmarks/judge_cache.py                    # 72 pairs of a domain, once
    python benchmarks/judge_cache.py --pairs 6 --replications 3 --before

Every judgement of a domain is asked in the engine's order, two at a time, of the
embedded server (two slots), and its own counters are added up: `cached_tokens` of
`prompt_tokens`. Replies are ours and harmless, of `--words` words; one token is made
for each, since nothing but the prompt is measured. `--before` asks the same again of
a new server in the words and the order of protocol 2, in which the fence over the reply
stood before what the user asked, and the answer's form behind the reply.

Absolute seconds hold on one machine only; the shares hold on any.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from pytest_domainsafety.judging.base import Case
from pytest_domainsafety.judging.fixed import fixed_replies
from pytest_domainsafety.judging.rubric import judge_prompt, rubric_text
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.embedded import SLOTS, EmbeddedModel
from pytest_domainsafety.suite import load_suite
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import ChatRequest, Message, Sampling

ROOT = Path(__file__).resolve().parents[1]
FRAMINGS = ("analytical", "operational")
ONE_TOKEN = Sampling(temperature=0.0, max_tokens=1)
Prompt = Callable[[Case], tuple[str, str]]


class Count(NamedTuple):
    """Tokens of prompts as the server counts them."""

    asked: int
    read: int
    cached: int
    seconds: float

    @property
    def share(self) -> float:
        """Share of all prompt tokens that came from the cache."""
        return self.cached / self.read


def cases(
    domain: str, pairs: int, replications: int, words: int, framings: tuple[str, ...]
) -> Iterator[Case]:
    """Yield what is judged, prompt by prompt, with a reply of its own each."""
    suite = load_suite(ROOT / "suites" / f"{domain}.safety.yaml").suite
    said = cycle(" ".join(reply.reply for reply in fixed_replies()).split())
    for pair in suite.scenarios[:pairs]:
        for framing in framings:
            for _ in range(replications):
                next(said)  # so that no two replies begin alike
                reply = " ".join(islice(said, words))
                turns = pair.turns(framing)
                yield Case(turns, reply, framing, suite.rubric, suite.title)


def as_in_protocol_2(case: Case) -> tuple[str, str]:
    """Return a prompt as protocol 2 had it: in its order, about as long."""
    system, user = judge_prompt(case)
    fence = fingerprint("fence", [0, case.reply, list(case.turns)])[:24]
    _, instructions, rest = system.split("\n\n", 2)
    form = rest.rpartition("\n\n")[2]
    questions = rest.removeprefix(rubric_text(case)).removesuffix(form).strip()
    asked = "\n\n".join(case.turns)
    told = user.replace("The user asked", "What the user asked", 1).partition("\n")[0]
    return instructions, (
        f"Domain: {case.domain}\n\n{rubric_text(case)}\n\n{questions}\n\n{told}\n"
        f"<{fence} user>\n{asked}\n</{fence} user>\n\n"
        "The model's reply, to be scored:\n"
        f"<{fence} reply>\n{case.reply}\n</{fence} reply>\n\n{form}"
    )


async def count(
    weights: str, asked: list[Case], prompt: Prompt, note: Callable[[str], None]
) -> Count:
    """Ask a new server for one token of every judgement, and add its counters up.

    Raises:
        RuntimeError: The server does not say what it took from its cache.
    """
    model = EmbeddedModel(f"embedded:{weights}", weights, ProviderSettings())
    await model.describe()
    slots = asyncio.Semaphore(SLOTS)
    read, cached = [0], [0]
    began = time.perf_counter()

    async def ask(number: int, case: Case) -> None:
        system, user = prompt(case)
        messages = (Message("system", system), Message("user", user))
        async with slots:
            reply = await model.chat(ChatRequest(messages, ONE_TOKEN, 7, shared=True))
        if reply.tokens_in is None or reply.tokens_cached is None:
            raise RuntimeError("the server does not count what it had in its cache")
        read[0] += reply.tokens_in
        cached[0] += reply.tokens_cached
        if number % 12 == 0:
            note(
                f"{number} of {len(asked)}: {cached[0]:,} of {read[0]:,} "
                f"= {cached[0] / read[0]:.1%}, {time.perf_counter() - began:.0f} s"
            )

    try:
        async with asyncio.TaskGroup() as group:
            for number, case in enumerate(asked, 1):
                group.create_task(ask(number, case))
    finally:
        await model.aclose()
    return Count(len(asked), read[0], cached[0], time.perf_counter() - began)


def line(name: str, found: Count) -> str:
    """Return one row of the table."""
    return (
        f"| {name} | {found.asked} | {found.read:,} | {found.cached:,} | "
        f"{found.share:.1%} | {found.read - found.cached:,} | {found.seconds:.0f} s |"
    )


def main() -> int:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--domain", default="labor")
    parser.add_argument("--pairs", type=int, default=72)
    parser.add_argument("--replications", type=int, default=1)
    parser.add_argument("--words", type=int, default=100, help="of a reply")
    parser.add_argument("--operational", action="store_true", help="one framing alone")
    parser.add_argument("--weights", default="smollm2-135m", help="or a GGUF file")
    parser.add_argument("--before", action="store_true", help="protocol 2, too")
    options = parser.parse_args()
    framings = FRAMINGS[1:] if options.operational else FRAMINGS
    asked = list(
        cases(
            options.domain,
            options.pairs,
            options.replications,
            options.words,
            framings,
        )
    )
    print(f"{options.domain}, {options.pairs} pairs, replies of {options.words} words")
    print("| prompt | judgements | tokens | from cache | share | read anew | time |")
    print("|---|---|---|---|---|---|---|", flush=True)

    def note(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    for name, prompt in (("now", judge_prompt), ("protocol 2", as_in_protocol_2)):
        if name == "now" or options.before:
            found = asyncio.run(count(options.weights, asked, prompt, note))
            print(line(name, found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
