"""Tracking of whole functions: plain, coroutine, generator and async generator functions.

Each kind has its own wrapper with its own ``try``: half the cost of wrapping a context manager.
A generator is in its request's context only while it runs, not while its consumer does.
"""

from __future__ import annotations

from llmmon import deferred
from llmmon.context import current_node, leave
from llmmon.monitor import default
from llmmon.tracking import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
    from typing import Any, Protocol, TypeVar, overload

    Begin = Callable[[], Request]
    F = TypeVar("F", bound=Callable[..., Any])

    class Observe(Protocol):
        """The type of ``observe``: a decorator, or what makes one."""

        @overload
        def __call__(self, operation: F, /) -> F: ...

        @overload
        def __call__(
            self,
            operation: str | None = None,
            *,
            provider: str | None = None,
            model: str | None = None,
            route: str | None = None,
            prompt_version: str | None = None,
        ) -> Callable[[F], F]: ...


_GENERATOR = 0x20
_COROUTINE = 0x80
_ASYNC_GENERATOR = 0x200


def observe(
    operation: Callable[..., Any] | str | None = None,
    *,
    provider: str | None = None,
    model: str | None = None,
    route: str | None = None,
    prompt_version: str | None = None,
) -> Any:
    """Track every call of a function, coroutine, generator or async generator function.

    ``@observe`` takes the operation from the function's name, ``@observe("summarise")`` gives it.
    Within, ``llmmon.current()`` is the request.
    """

    def decorate(function: Any) -> Any:
        if isinstance(function, classmethod | staticmethod):
            return type(function)(decorate(function.__func__))
        name = operation if isinstance(operation, str) else getattr(function, "__name__", "call")
        dims = (name, provider, model, None, route, prompt_version)
        return wrap(function, lambda: Request(default, dims))

    bare = callable(operation) or isinstance(operation, classmethod)
    return decorate(operation) if bare else decorate


def wrap(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    """``function``, with each call tracked as the request that ``begin`` makes.

    The request begins with the call, a generator's with its first step. It ends with the return,
    the exception or the closing; every item of a generator counts as a chunk.
    """
    flags = _flags(function)
    wrapper: Callable[..., Any]
    if flags & _ASYNC_GENERATOR:
        wrapper = _async_generator(function, begin)
    elif flags & _COROUTINE:
        wrapper = _coroutine(function, begin)
    elif flags & _GENERATOR:
        wrapper = _generator(function, begin)
    else:
        wrapper = _plain(function, begin)
    deferred.update_wrapper(wrapper, function)
    return wrapper


def _flags(function: Any) -> int:
    # partials name what they call "func", methods "__func__", decorated functions "__wrapped__"
    while not hasattr(function, "__code__"):
        for name in ("func", "__func__", "__wrapped__"):
            if hasattr(function, name):
                function = getattr(function, name)
                break
        else:
            return 0
    flags: int = function.__code__.co_flags
    return flags


def _plain(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    def observed(*args: Any, **kwargs: Any) -> Any:
        request = begin()
        request.__enter__()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            request.__exit__(type(error), error, None)
            raise
        request.__exit__(None, None, None)
        return result

    return observed


def _coroutine(
    function: Callable[..., Coroutine[Any, Any, Any]], begin: Begin
) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def observed(*args: Any, **kwargs: Any) -> Any:
        request = begin()
        request.__enter__()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            request.__exit__(type(error), error, None)
            raise
        request.__exit__(None, None, None)
        return result

    return observed


def _generator(
    function: Callable[..., Generator[Any, Any, Any]], begin: Begin
) -> Callable[..., Generator[Any, Any, Any]]:
    def observed(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        request = begin()
        request.register()
        try:
            source = function(*args, **kwargs)
            step: Callable[..., Any] = source.__next__
            given: tuple[Any, ...] = ()
            while True:
                token = current_node.set(request)
                try:
                    item = step(*given)
                except StopIteration as stop:
                    request.finish()
                    return stop.value
                finally:
                    leave(token)
                request.chunk()
                try:
                    step, given = source.send, ((yield item),)
                except GeneratorExit:
                    source.close()
                    raise
                except BaseException as error:
                    step, given = source.throw, (error,)
        except BaseException as error:
            request.end(error)
            raise

    return observed


def _async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], begin: Begin
) -> Callable[..., AsyncGenerator[Any, Any]]:
    async def observed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        request = begin()
        request.register()
        try:
            source = function(*args, **kwargs)
            step: Callable[..., Any] = source.__anext__
            given: tuple[Any, ...] = ()
            while True:
                token = current_node.set(request)
                try:
                    item = await step(*given)
                except StopAsyncIteration:
                    request.finish()
                    return
                finally:
                    leave(token)
                request.chunk()
                try:
                    step, given = source.asend, ((yield item),)
                except GeneratorExit:
                    await source.aclose()
                    raise
                except BaseException as error:
                    step, given = source.athrow, (error,)
        except BaseException as error:
            request.end(error)
            raise

    return observed
