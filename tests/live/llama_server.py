"""llama.cpp's server in a process of its own: python llama_server.py WEIGHTS PORT.

The server that `xllamacpp` carries; it ends with the process, which waits for that.
"""

from __future__ import annotations

import signal
import sys


def main(weights: str, port: str) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = weights
    params.model_alias = {"smollm2"}
    params.hostnames = ["127.0.0.1"]
    params.port = int(port)
    params.n_parallel = 2
    params.n_ctx = 8192
    params.verbosity = -1
    params.ui = False
    params.cache_ram_mib = 0
    # Threads that spin on a core with the test's own process slow both by far.
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
