"""An environment for Python children whose modules are compiled once, as installed ones are."""

from __future__ import annotations

import os
import tempfile
from typing import Final

_KEPT: Final = tempfile.TemporaryDirectory(prefix="llmmon-bench-")


def compiled_environ() -> dict[str, str]:
    """This process's, with bytecode kept until it ends and away from the sources."""
    environ = {**os.environ, "PYTHONPYCACHEPREFIX": _KEPT.name}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return environ
