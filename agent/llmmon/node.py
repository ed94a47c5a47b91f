"""What a request and a span have in common: ids, an error, and being a context manager."""

from __future__ import annotations

from llmmon.context import current_node, leave

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType
    from typing import Any, Self

    from llmmon.monitor import Monitor


def error_name(error: object) -> str | None:
    """What is recorded of an error: its type's name, or the text that the caller gives."""
    if error is None or isinstance(error, str):
        return error
    if isinstance(error, bool):
        return "error" if error else None
    return (error if isinstance(error, type) else type(error)).__name__


def id_text(value: object) -> str | None:
    """An id of the caller's own (a UUID, a number) as text, None where there is none."""
    try:
        return None if value is None else str(value) or None
    except Exception:
        # a caller's __str__ may raise anything; no recording call does
        return None


def put_tag(tags: dict[Any, Any], key: object, value: object) -> None:
    """Set a tag, as text at once: an object could change or raise later, on another thread."""
    try:
        tags[str(key)] = str(value)
    except Exception:
        # a caller's __str__ may raise anything; no recording call does
        return


class Node:
    """A place in a trace. Its makers set all slots themselves: they are on the hot path."""

    __slots__ = (
        "_done",
        "_error",
        "_monitor",
        "_number",
        "_parent",
        "_prefix",
        "_start_s",
        "_token",
        "_trace",
    )

    _monitor: Monitor
    _prefix: str
    _number: int
    _trace: str | None
    _parent: str | None
    _error: str | None
    _token: Token[Node | None] | None
    _start_s: float
    _done: bool

    @property
    def id(self) -> str:
        """Unique over all processes; ids of one process sort by time."""
        return f"{self._prefix}-{self._number:x}"

    @property
    def trace_id(self) -> str:
        """The id that everything recorded under one outermost request shares: that one's id."""
        if self._trace is None:
            self._trace = self.id
        return self._trace

    @property
    def parent_id(self) -> str | None:
        """Id of the request or span around it, None for an outermost one."""
        return self._parent

    @property
    def error(self) -> str | None:
        """Name of the error it ended in. Can be set to an exception, a type or text."""
        return self._error

    @error.setter
    def error(self, error: BaseException | type | str | None) -> None:
        self._error = error_name(error)

    @property
    def request_id(self) -> str:
        """Id of the request that it is or is part of."""
        return self.id

    if TYPE_CHECKING:

        def finish(self) -> None:
            """End it and record it. A second call does nothing."""

    def end(self, error: BaseException | None) -> None:
        """Finish with the exception that ended it, if one did. Closing a generator is no error."""
        if error is not None and self._error is None and not isinstance(error, GeneratorExit):
            self._error = type(error).__name__
        self.finish()

    def __enter__(self) -> Self:
        self._token = current_node.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end(error)
        if self._token is not None:
            leave(self._token)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)
