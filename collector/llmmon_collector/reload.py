"""Takes in a changed configuration while running; a broken one leaves the old one in force."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from llmmon.errors import ConfigError
from llmmon_collector.config.load import Loaded, load
from llmmon_collector.config.settings import CollectorSettings, Settings

LIVE_KEYS: Final = frozenset({"name", "note", "rules_dir", "inhibit_defaults"})
"""Keys of ``[collector]`` that take effect at once. The others need a restart."""


class Reloader:
    """The configuration in force, and what is wrong with the one on disk."""

    def __init__(
        self,
        loaded: Loaded,
        environ: Mapping[str, str],
        cwd: Path,
        apply: Callable[[Settings], Awaitable[None]],
    ) -> None:
        """``apply`` puts settings in force, or raises ConfigError and changes nothing."""
        self.loaded = loaded
        self._environ = environ
        self._cwd = cwd
        self._apply = apply
        self.broken = ""
        """Why the configuration on disk is not in force; empty when it is."""
        self.pending = ""
        """Changed keys that wait for a restart; empty when there are none."""
        self._started = loaded.settings
        self._turn = asyncio.Lock()

    @property
    def settings(self) -> Settings:
        """What is in force."""
        return self.loaded.settings

    @property
    def problems(self) -> tuple[str, ...]:
        """What a viewer should be told."""
        return tuple(problem for problem in (self.broken, self.pending) if problem)

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again and put it in force; one call after another.

        Raises:
            ConfigError: it is broken; the old one stays in force and ``broken`` says why.
        """
        async with self._turn:
            try:
                loaded = load(self.loaded.main, self._environ, self._cwd)
                await self._apply(loaded.settings)
            except ConfigError as error:
                self.broken = f"configuration not loaded, the last good one is in force: {error}"
                raise
            self.loaded = loaded
            self.broken = ""
            self.pending = _pending(self._started, loaded.settings)
            return {"rules": len(loaded.settings.rules), "problems": list(self.problems)}


def _pending(started: Settings, now: Settings) -> str:
    names = [
        field.alias or key
        for key, field in CollectorSettings.model_fields.items()
        if key not in LIVE_KEYS and getattr(started.collector, key) != getattr(now.collector, key)
    ]
    if started.prices != now.prices:
        names.append("price")
    if started.security != now.security:
        names.append("security")
    return f"restart the collector to apply: {', '.join(names)}" if names else ""
