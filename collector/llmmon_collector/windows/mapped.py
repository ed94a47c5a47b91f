"""Big arrays that take up memory a page at a time, as they are used, and give all of it back."""

from __future__ import annotations

import mmap
from typing import Final

import numpy as np
from numpy.typing import NDArray

_NO_HUGE_PAGES: Final[int | None] = getattr(mmap, "MADV_NOHUGEPAGE", None)


def mapped_zeros(count: int) -> NDArray[np.int32]:
    """``count`` zeros, at least one, in memory of their own.

    ``numpy.zeros`` asks for huge pages: 2 MiB for the first number in each of them, where a series
    uses some 4 KiB of its 16. It also leaves holes in the heap when arrays are replaced by bigger.
    """
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    memory = mmap.mmap(-1, count * np.dtype(np.int32).itemsize, flags=flags)
    if _NO_HUGE_PAGES is not None:
        memory.madvise(_NO_HUGE_PAGES)
    return np.frombuffer(memory, np.int32)
