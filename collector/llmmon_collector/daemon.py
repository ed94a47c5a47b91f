"""Runs a collector until a signal ends it: ticks, configuration, SIGTERM, SIGHUP, systemd."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from llmmon.errors import ConfigError
from llmmon_collector.clock import SystemClock
from llmmon_collector.collector import Collector
from llmmon_collector.config.load import Loaded
from llmmon_collector.config.settings import Settings
from llmmon_collector.config.watch import ConfigWatcher
from llmmon_collector.logs import get_logger
from llmmon_collector.place import Place
from llmmon_collector.reload import Reloader
from llmmon_collector.systemd import ServiceManager

_LATE_TICKS: Final = 2.0
"""A tick that comes so many intervals late is not made up for."""
_OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000
"""Containers made and not yet freed; a batch has some twenty-five."""
_NUMBERS: Final = re.compile(r"\d+")


class Daemon:
    """One collector with its surroundings."""

    def __init__(
        self,
        loaded: Loaded,
        place: Place,
        service_manager: ServiceManager,
        environ: Mapping[str, str],
        cwd: Path,
    ) -> None:
        self._place = place
        self._service_manager = service_manager
        self._log = get_logger(__name__)
        self._stopping = asyncio.Event()
        self._hup = asyncio.Event()
        self._reloader = Reloader(loaded, environ, cwd, self._apply)
        self._collector = Collector(loaded.settings, place, SystemClock(), self._reload)
        self._collector.config_problems = lambda: self._reloader.problems
        self._collector.config_files = _names(loaded)
        self._watcher = ConfigWatcher(self._on_change, self._on_broken)
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Until SIGTERM or SIGINT, or until a part that cannot be done without has ended.

        Raises:
            ConfigError, StoreError, JournalError: the collector cannot start.
            Exception: what ended that part.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hup.set)
        await self._collector.start()
        self._follow()
        self._service_manager.ready(f"listening at {self._place.address}")
        self._log.info("collector ready", address=str(self._place.address))
        try:
            with spared_garbage_collection():
                await self._work()
        finally:
            self._service_manager.stopping()
            await self._collector.stop()
            self._log.info("collector stopped")

    async def _work(self) -> None:
        tasks = [
            asyncio.create_task(work, name=f"llmmon-{name}")
            for name, work in (
                ("ticks", self._tick()),
                ("config", self._watcher.run()),
                ("hup", self._reload_on_hup()),
                ("stop", self._stopping.wait()),
                ("crash", _wait_for(self._collector.crashed)),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _tick(self) -> None:
        interval_s = self._reloader.settings.collector.tick_s
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            await self._collector.tick()
            self._tell_problems()
            self._service_manager.watchdog()
            due_s += interval_s
            if loop.time() - due_s > _LATE_TICKS * interval_s:
                due_s = loop.time()
            await asyncio.sleep(max(0.0, due_s - loop.time()))

    def _tell_problems(self) -> None:
        """Log what has become wrong and what is so no more; a count that moves is no news."""
        now = {_NUMBERS.sub("#", problem): problem for problem in self._collector.problems()}
        for key, problem in now.items():
            if key not in self._told:
                self._log.warning("problem", reason=problem)
        for key, problem in self._told.items():
            if key not in now:
                self._log.info("problem over", reason=problem)
        self._told = now

    async def _reload_on_hup(self) -> None:
        while True:
            await self._hup.wait()
            self._hup.clear()
            self._service_manager.reloading(SystemClock())
            try:
                await self._reload()
            except ConfigError as error:
                self._on_broken(error)
            self._service_manager.ready()

    async def _reload(self) -> dict[str, Any]:
        result = await self._reloader.reload()
        self._follow()
        self._log.info("configuration loaded", **result)
        return result

    async def _on_change(self) -> None:
        await self._reload()

    def _on_broken(self, error: Exception) -> None:
        self._log.error("configuration not loaded", reason=str(error))

    async def _apply(self, settings: Settings) -> None:
        await self._collector.apply(settings)

    def _follow(self) -> None:
        loaded = self._reloader.loaded
        self._collector.config_files = _names(loaded)
        self._watcher.follow(loaded.sources, loaded.rules_dir)


@contextlib.contextmanager
def spared_garbage_collection() -> Iterator[None]:
    """Look for cycles less often, and not among what there is at the start.

    Batches are thousands of objects without a cycle: looking at them took a twentieth of the CPU.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        # what is frozen when Python ends is never freed, and extensions complain of it
        gc.unfreeze()


def _names(loaded: Loaded) -> tuple[str, ...]:
    return tuple(str(source) for source in loaded.sources)


async def _wait_for(future: asyncio.Future[None]) -> None:
    await future
