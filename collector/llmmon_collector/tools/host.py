"""What ``llmmon`` does for the commands of this room, which may not import it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Control(Protocol):
    """Asks one collector."""

    def call(self, method: str, params: dict[str, Any] | None = None, more_s: float = 0.0) -> Any:
        """The result of a control method; ``more_s`` is what it may take over the usual time.

        Raises:
            LlmmonError: no answer, or a refusal.
        """
        ...


OpenControl = Callable[[], AbstractContextManager[Control]]
"""Opens a client; raises as :meth:`Host.control` does."""


class Host(Protocol):
    """``ctx.obj`` of a command."""

    def control(self, connect: str | None, key_file: str | None) -> AbstractContextManager[Control]:
        """A client of the collector at ``connect``, or of one's own.

        Raises:
            LlmmonError: that is no address, or the key file cannot be used.
        """
        ...
