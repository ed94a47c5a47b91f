"""A real bash that completes a command line as it would at its prompt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
COMPLETE = """
source <({program} --completion bash)
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
{function} {program}
((${{#COMPREPLY[@]}} == 0)) || printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completions(program: str, *words: str, **environment: str) -> list[str]:
    """What bash offers for the last of ``words`` that follow ``program``."""
    function = f"_{program.replace('-', '_')}_completion"
    script = COMPLETE.format(program=program, function=function)
    done = subprocess.run(
        ["bash", "-c", script, "bash", program, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **environment},
    )
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def script(program: str, shell: str) -> str:
    """The script that ``program`` prints for ``shell``."""
    done = subprocess.run(
        [BIN / program, "--completion", shell],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
