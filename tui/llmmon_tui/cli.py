"""The command's entry point: says in one line what is missing when the extra is not installed."""

from __future__ import annotations

import importlib
import sys
from typing import Final

_EXTRA: Final = {
    "click": "tui",
    "rich": "tui",
    "textual": "tui",
    "aiohttp": "web",
    "textual_serve": "web",
}
"""What may not be installed, with the extra that brings it."""
EXIT_USAGE: Final = 2


def main() -> None:
    """Run `llmmon-tui`."""
    try:
        command = importlib.import_module("llmmon_tui.command")
        command.llmmon_tui()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        sys.stderr.write(f"llmmon-tui needs {missing}: pip install 'llmmon[{_EXTRA[missing]}]'\n")
        raise SystemExit(EXIT_USAGE) from None
