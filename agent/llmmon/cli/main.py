"""The entry point of ``llmmon``: hands over to the commands, or says that click is missing."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Final

_NO_CLICK: Final = "llmmon: the client tools need click: pip install 'llmmon[cli]'\n"


def main() -> None:
    """Run the command line.

    Exits 0 when all is fine, 1 when what was asked about is bad, 2 on wrong usage, 3 when no
    collector answers.
    """
    if importlib.util.find_spec("click") is None:
        sys.stderr.write(_NO_CLICK)
        sys.exit(2)
    importlib.import_module("llmmon.cli.commands").llmmon()


if __name__ == "__main__":
    main()
