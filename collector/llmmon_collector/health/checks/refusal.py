"""Why the system refuses, in its own words."""

from __future__ import annotations

import os
import socket

from llmmon_collector.health.outcome import one_line


def os_reason(error: OSError) -> str:
    """Such as ``Connection refused``; asyncio's errors say something else, with the address."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return one_line(error.strerror or str(error)) or type(error).__name__
    return os.strerror(error.errno)
