"""Notices when configuration files change.

It watches the directories: a watched file goes blind once an editor replaces it. Directories can
be blind too (network mounts, exhausted inotify), so it also looks by itself every half minute.
What counts is not the event but whether the files differ and have come to rest: writers truncate
first and write later, and half a file can be valid TOML.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch

from llmmon.errors import ConfigError
from llmmon_collector.config.load import is_rule_file

DEBOUNCE_S: Final = 0.2
POLL_S: Final = 30.0
_STEP_MS: Final = 50

Signature = dict[Path, tuple[int, ...]]
"""What tells one version of each file from the next, without reading it."""


class ConfigWatcher:
    """Calls ``on_change`` when the followed files have changed and come to rest."""

    def __init__(
        self,
        on_change: Callable[[], Awaitable[None]],
        on_error: Callable[[Exception], None],
        debounce_s: float = DEBOUNCE_S,
        poll_s: float = POLL_S,
    ) -> None:
        """``on_error`` gets what ``on_change`` raises; a ``ConfigError`` only after one retry."""
        self._on_change = on_change
        self._on_error = on_error
        self._debounce_s = debounce_s
        self._poll_s = poll_s
        self._files: frozenset[Path] = frozenset()
        self._rules_dir: Path | None = None
        self._seen: Signature = {}
        self._stirred = asyncio.Event()
        self._refollow = asyncio.Event()

    def follow(self, files: Iterable[Path], rules_dir: Path | None) -> None:
        """Watch these files, just read, and what appears in ``rules_dir``, from now on."""
        before = self._directories()
        self._files, self._rules_dir = frozenset(files), rules_dir
        if self._directories() != before:
            self._refollow.set()
        # what is known already was looked at before it was read: keep that look
        self._seen = {file: self._seen.get(file) or _stamp(file) for file in sorted(self._files)}

    async def run(self) -> None:
        """Watch until cancelled."""
        notice = asyncio.create_task(self._notice())
        try:
            while True:
                told = await _set_within(self._stirred, self._poll_s)
                self._stirred.clear()
                if self._signature() != self._seen:
                    if not told:
                        self._refollow.set()  # the watch is blind: begin it anew
                    self._seen = await self._at_rest()
                    await self._report()
        finally:
            notice.cancel()
            await asyncio.gather(notice, return_exceptions=True)

    async def _report(self) -> None:
        try:
            try:
                await self._on_change()
            except ConfigError:
                await asyncio.sleep(self._debounce_s)
                self._seen = await self._at_rest()
                await self._on_change()
        except Exception as error:
            self._on_error(error)

    async def _at_rest(self) -> Signature:
        before = self._signature()
        while True:
            await asyncio.sleep(self._debounce_s)
            now = self._signature()
            if now == before:
                return now
            before = now

    def _signature(self) -> Signature:
        files = set(self._files)
        if self._rules_dir is not None:
            with contextlib.suppress(OSError):
                files.update(filter(is_rule_file, self._rules_dir.iterdir()))
        return {file: _stamp(file) for file in sorted(files)}

    async def _notice(self) -> None:
        while True:
            self._refollow.clear()
            paths = [path for path in self._directories() if path.is_dir()]
            with contextlib.suppress(OSError, RuntimeError):  # no inotify left: looking remains
                await self._watch(paths)
            if not self._refollow.is_set():
                await _set_within(self._refollow, self._poll_s)

    def _directories(self) -> set[Path]:
        own = set() if self._rules_dir is None else {self._rules_dir}
        return {file.parent for file in self._files} | own

    async def _watch(self, paths: list[Path]) -> None:
        if not paths:
            return
        # what changed before the watch began is found by looking once it has
        asyncio.get_running_loop().call_soon(self._stirred.set)
        async for _ in awatch(
            *paths,
            watch_filter=self._concerns,
            debounce=max(1, round(self._debounce_s * 1000)),
            step=_STEP_MS,
            stop_event=self._refollow,
            recursive=False,
        ):
            self._stirred.set()

    def _concerns(self, _change: Change, path: str) -> bool:
        file = Path(path)
        # Kubernetes swaps a link named ..data beside the files that are links into it
        return (
            file.name.startswith("..")
            or any(file.name == followed.name for followed in self._files)
            or (file.parent == self._rules_dir and is_rule_file(file))
        )


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    # not wait_for: on Python 3.11 it loses a cancellation that comes with the event
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        status = file.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
