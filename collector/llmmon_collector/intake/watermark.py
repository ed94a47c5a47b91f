"""Whether the disk has room enough for more: an agent can keep its events, a full disk cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

_EVERY_NS: Final = 10**9
_SHARE: Final = 20
_MOST_BYTES: Final = 1 << 30
_MIB: Final = 1 << 20


class Space(NamedTuple):
    """A file system's room."""

    free_bytes: int
    total_bytes: int


class Watermark:
    """Looks at the disk once a second at the most."""

    def __init__(self, probe: Callable[[], Space], min_free_bytes: int | None = None) -> None:
        """``min_free_bytes`` is 5 % of the disk, or 1 GiB if that is less, where not given.

        ``probe`` may raise OSError: then nothing is known, and the journal will tell.
        """
        self._probe = probe
        self._min_free_bytes = min_free_bytes
        self._looked_ns: int | None = None
        self.problem = ""
        """Why nothing more is taken; empty while there is room."""

    def is_low(self, mono_ns: int) -> bool:
        """Whether less than the least is free."""
        if self._looked_ns is None or mono_ns - self._looked_ns >= _EVERY_NS:
            self._looked_ns = mono_ns
            self.problem = self._look()
        return bool(self.problem)

    def _look(self) -> str:
        try:
            space = self._probe()
        except OSError:
            return ""
        least = self._min_free_bytes
        if least is None:
            least = min(space.total_bytes // _SHARE, _MOST_BYTES)
        if space.free_bytes >= least:
            return ""
        return (
            f"the disk is nearly full: {space.free_bytes // _MIB} MiB free under the state "
            f"directory, {-(-least // _MIB)} MiB wanted; agents keep their events until there is "
            "room (see retention and min_free_bytes in [collector])"
        )
