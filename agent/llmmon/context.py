"""Which request or span the running code is part of."""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token

    from llmmon.node import Node

current_node: ContextVar[Node | None] = ContextVar("llmmon_current_node", default=None)
"""The innermost open request or span of this thread or task."""


def leave(token: Token[Node | None]) -> None:
    """Undo the ``set`` that gave ``token``, if this is still the context that it was done in."""
    try:
        current_node.reset(token)
    except (ValueError, RuntimeError):
        # a generator closed elsewhere, or left twice: that context is gone and needs no undoing
        return
