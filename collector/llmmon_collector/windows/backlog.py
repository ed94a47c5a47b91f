"""Requests that wait to be counted, copied together so that they can be counted at once."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from llmmon_collector.requests import Requests

_FREED_BYTES: Final = 24 << 20
_COLUMNS: Final = tuple(field.name for field in fields(Requests))


class Backlog:
    """Room for ``capacity`` requests, taken once: growing arrays anew cost as much as counting."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        _keep_freed_memory()
        self._columns: dict[str, NDArray[Any]] = {}
        self._used = 0

    def __len__(self) -> int:
        return self._used

    @property
    def room(self) -> int:
        """How many more requests fit."""
        return self._capacity - self._used

    def append(self, requests: Requests) -> None:
        """Copy ``requests``, at most ``room`` of them, to the end."""
        end = self._used + len(requests)
        for name in _COLUMNS:
            column: NDArray[Any] = getattr(requests, name)
            kept = self._columns.get(name)
            if kept is None:
                kept = self._columns[name] = np.empty(self._capacity, column.dtype)
            kept[self._used : end] = column
        self._used = end

    def drain(self) -> Requests:
        """All that waits, of which there is at least one, as views that the next ``append``
        overwrites."""
        requests = Requests(**{name: self._columns[name][: self._used] for name in _COLUMNS})
        self._used = 0
        return requests


def _keep_freed_memory() -> None:
    """Have the C allocator keep memory for the next fold that the last one freed.

    glibc holds back, instead of returning it to the system page by page, up to twice the largest
    block that was ever freed, if that is under 32 MiB (mallopt(3), M_MMAP_THRESHOLD). Without this
    a tenth of the time goes into page faults. Elsewhere it does nothing.
    """
    block = np.empty(_FREED_BYTES, np.uint8)
    del block
