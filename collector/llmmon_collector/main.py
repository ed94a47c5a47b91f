"""The entry point of ``llmmon-collector``: hands over, or says which extra is not installed."""

from __future__ import annotations

import importlib
import sys
from typing import Final

_BAD_USAGE: Final = 2


def main() -> None:
    """Run ``llmmon-collector``; exits 2 where what it is made of is missing."""
    try:
        cli = importlib.import_module("llmmon_collector.cli.command")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing.startswith("llmmon"):
            raise
        sys.stderr.write(f"llmmon-collector needs {missing}: pip install 'llmmon[collector]'\n")
        raise SystemExit(_BAD_USAGE) from None
    cli.main()
