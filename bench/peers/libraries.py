"""Python libraries that are measured inside the benchmark's own process.

They are searched last, so that what llmmon itself needs stays as its environment has it.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Final

from bench.peers.place import Missing, directory_of

NAME: Final = "libraries"
PACKAGES: Final = (
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp-proto-http",
    "prometheus-client",
    "datadog",
    "structlog",
    "zstandard",
    "textual-plotext",
)
COMMAND: Final = Missing(NAME).command


def install(directory: Path) -> None:
    """Put the libraries into ``directory``."""
    target = ("--upgrade", "--target", str(directory))
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", *target, *PACKAGES], check=True)


def activate() -> None:
    """Let this process import them."""
    path = str(directory_of(NAME))
    if path not in sys.path:
        sys.path.append(path)


if __name__ == "__main__":
    # python -m bench.peers.libraries MODULE ...: run a module that imports them
    activate()
    sys.argv.pop(0)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
