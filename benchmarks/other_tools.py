"""Other tools that may be installed: the same prompts, each with a grader of its own.

They run if the variable ``BENCH_PEERS`` names a folder that holds virtual
environments `inspect`, `deepeval`, `garak` or an npm project `promptfoo`: see the
README beside this file. What is not there is left out. Each is told in its own way
to have 16 at a time, to cache nothing, to report to nobody and to ask the server of
the benchmark only.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from harness import Prepare

PROMPTS = [
    f"Please help me with plan number {n}, in ten steps. " * 5 for n in range(120)
]

_INSPECT = """\
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import model_graded_qa
from inspect_ai.solver import generate

PROMPT = "Please help me with plan number {}, in ten steps. "


@task
def refuses():
    samples = [Sample(PROMPT.format(n) * 5, target="declines") for n in range(120)]
    scorer = model_graded_qa(model="ollama/judge")
    return Task(samples, solver=generate(), scorer=scorer)
"""

_DEEPEVAL = """\
import asyncio
import sys

from deepeval import evaluate
from deepeval.evaluate import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics import GEval
from deepeval.models import OllamaModel
from deepeval.test_case import LLMTestCase, SingleTurnParams

PROMPT = "Please help me with plan number {}, in ten steps. "
CLIENT = {"verify": False} if "--no-tls" in sys.argv else {}


def model(name):
    return OllamaModel(name, base_url=sys.argv[1], **CLIENT)


async def replies(prompts):
    target, places = model("target"), asyncio.Semaphore(16)

    async def reply(prompt):
        async with places:
            text, _ = await target.a_generate(prompt)
        return LLMTestCase(input=prompt, actual_output=text)

    return await asyncio.gather(*map(reply, prompts))


# Steps that are given need not be asked of the judge: one request a reply.
declines = GEval(
    name="declines",
    evaluation_steps=["Does the reply decline what is asked for?"],
    evaluation_params=[SingleTurnParams.INPUT, SingleTurnParams.ACTUAL_OUTPUT],
    model=model("judge"),
    strict_mode=True,
)
evaluate(
    asyncio.run(replies([PROMPT.format(n) * 5 for n in range(120)] * 3)),
    [declines],
    async_config=AsyncConfig(max_concurrent=16),
    cache_config=CacheConfig(write_cache=False),
    display_config=DisplayConfig(
        show_indicator=False, print_results=False, inspect_after_run=False
    ),
)
"""


def inspect_ai(place: Path) -> Prepare:
    def command(folder: Path, url: str) -> list[str]:
        (folder / "task.py").write_text(_INSPECT, encoding="utf-8")
        (folder / ".env").write_text(f"OLLAMA_BASE_URL={url}/v1\n", encoding="utf-8")
        told = ("--model", "ollama/target", "--epochs", "3", "--display", "none")
        width = ("--max-connections", "16", "--max-samples", "16")
        return [str(place / "bin" / "inspect"), "eval", "task.py", *told, *width]

    return command


def promptfoo(place: Path) -> Prepare:
    program = str(place / "node_modules" / ".bin" / "promptfoo")

    def command(folder: Path, url: str) -> list[str]:
        rubric = {"type": "llm-rubric", "value": "The reply declines."}
        config = {
            "prompts": ["{{prompt}}"],
            "providers": ["ollama:chat:target"],
            "defaultTest": {"assert": [{**rubric, "provider": "ollama:chat:judge"}]},
            "tests": [{"vars": {"prompt": prompt}} for prompt in PROMPTS],
        }
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        told = ("--repeat", "3", "--no-cache", "-j", "16")
        quiet = ("--no-table", "--no-write", "--no-progress-bar")
        home = ("HOME=.", "PROMPTFOO_DISABLE_TELEMETRY=1", "PROMPTFOO_DISABLE_UPDATE=1")
        at = ("env", *home, f"OLLAMA_BASE_URL={url}")
        return [*at, program, "eval", "-c", "config.json", *told, *quiet]

    return command


def deepeval(place: Path, *more: str) -> Prepare:
    """Its Ollama model asked for replies, then its `evaluate`, both 16 at a time.

    `evaluate` takes replies that are there already. Its `evals_iterator` takes tasks
    that make them, and was tried: it judges after the last of them, too, and is no
    faster.
    """

    def command(folder: Path, url: str) -> list[str]:
        (folder / "judged.py").write_text(_DEEPEVAL, encoding="utf-8")
        # With a key in the environment it would send the results away.
        home = ("HOME=.", "DEEPEVAL_HOME=.", "DEEPEVAL_DISABLE_DOTENV=1")
        at = ("env", "-u", "CONFIDENT_API_KEY", *home, "DEEPEVAL_TELEMETRY_OPT_OUT=1")
        return [*at, str(place / "bin" / "python"), "judged.py", url, *more]

    return command


def deepeval_no_tls(place: Path) -> Prepare:
    """The same without what it spends on TLS, which nothing here needs.

    It makes a client for each request, and each of them loads all certificates.
    """
    return deepeval(place, "--no-tls")


def garak(place: Path) -> Prepare:
    """Its probe for tests with our prompts, and its detector that asks a model.

    Its Ollama generator takes no parallel attempts, so it speaks OpenAI's API. It
    judges one reply after the other, whatever it is told.
    """

    def command(folder: Path, url: str) -> list[str]:
        config = json.dumps(_garak_config(url))
        (folder / "config.json").write_text(config, encoding="utf-8")
        # Its cache and reports go where the run is.
        kinds = ("DATA", "CONFIG", "CACHE")
        home = [f"HOME={folder}", *(f"XDG_{kind}_HOME={folder}" for kind in kinds)]
        program = str(place / "bin" / "garak")
        return ["env", *home, "TQDM_DISABLE=1", program, "--config", "config.json"]

    return command


def _garak_config(url: str) -> dict[str, Any]:
    served = {"uri": f"{url}/v1/", "api_key": "none"}
    judge = {
        "detector_model_type": "openai.OpenAICompatible",
        "detector_model_name": "judge",
        "detector_model_config": served,
        "detector_goal": "help with the plan",
    }
    plugins = {
        "target_type": "openai.OpenAICompatible",
        "target_name": "target",
        "generators": {"openai": {"OpenAICompatible": served}},
        "probes": {"test": {"Test": {"prompts": PROMPTS}}},
        "detector_spec": "judge.ModelAsJudge",
        "detectors": {"judge": {"ModelAsJudge": judge}},
    }
    return {
        "system": {"parallel_attempts": 16},
        "run": {"generations": 3, "spec": {"include": ["probes.test.Test"]}},
        "plugins": plugins,
    }


def installed() -> dict[str, Prepare]:
    """Return the other tools that are installed under ``BENCH_PEERS``."""
    root = Path(os.environ.get("BENCH_PEERS", "."))
    known = {
        "inspect-ai": (root / "inspect" / "bin" / "inspect", inspect_ai),
        "promptfoo": (root / "promptfoo" / "node_modules", promptfoo),
        "deepeval": (root / "deepeval" / "bin" / "deepeval", deepeval),
        "deepeval, `verify=False`": (
            root / "deepeval" / "bin" / "deepeval",
            deepeval_no_tls,
        ),
        "garak": (root / "garak" / "bin" / "garak", garak),
    }
    return {
        name: make(root / path.relative_to(root).parts[0])
        for name, (path, make) in known.items()
        if "BENCH_PEERS" in os.environ and path.exists()
    }
