"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sysconfig
from pathlib import Path


def describe() -> str:
    """The processor, the memory, the system, the interpreter's build, and the load just now."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    loads = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB; "
        f"{platform.system()} {platform.release()}; {_interpreter()}; "
        f"load over 1, 5 and 15 minutes at the start: {loads}."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _interpreter() -> str:
    options = str(sysconfig.get_config_var("CONFIG_ARGS") or "")
    profiled = "with" if "--enable-optimizations" in options else "without"
    linked = "with" if "--with-lto" in options else "without"
    return (
        f"CPython {platform.python_version()}, {platform.python_compiler()}, "
        f"{profiled} PGO, {linked} LTO"
    )
