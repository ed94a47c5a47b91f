"""The time zone that clocks are shown in: the process's own, or UTC."""

from __future__ import annotations

import os
import time
from typing import Final

_VARIABLE: Final = "TZ"


class Zone:
    """Switches the process's zone, which is what every local clock goes by."""

    def __init__(self) -> None:
        self._home = os.environ.get(_VARIABLE)
        self._is_utc = False

    def show(self, utc: bool) -> None:
        """Use UTC, or the zone that was there at the start."""
        if utc == self._is_utc:
            return
        self._is_utc = utc
        if utc:
            os.environ[_VARIABLE] = "UTC"
        elif self._home is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = self._home
        time.tzset()
