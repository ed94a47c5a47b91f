"""The decorator, on every kind of function."""

import asyncio
import functools
from collections.abc import AsyncGenerator, Generator, Iterator

import pytest

import llmmon
from llmmon.testing import capture_events


def test_bare_and_with_arguments() -> None:
    @llmmon.observe
    def double(x: int) -> int:
        """Twice."""
        return 2 * x

    @llmmon.observe("summarise", model="m", route="/s")
    def summarise() -> str:
        request = llmmon.current()
        assert request is not None
        request.tag("seen", "yes")
        return "short"

    with capture_events() as events:
        assert double(2) == 4
        assert summarise() == "short"
    first, second = events.requests
    assert (double.__name__, double.__doc__) == ("double", "Twice.")
    assert first["operation"] == "double"
    assert (second["operation"], second["model"], second["route"]) == ("summarise", "m", "/s")
    assert second["tags"] == {"seen": "yes"}


def test_an_exception_passes_untouched() -> None:
    error = KeyError("x")

    @llmmon.observe
    def fail() -> None:
        raise error

    with capture_events() as events:
        with pytest.raises(KeyError) as caught:
            fail()
        assert caught.value is error
    assert events.requests[0]["error"] == "KeyError"


def test_a_coroutine_is_measured_to_its_end() -> None:
    @llmmon.observe("outer")
    async def outer() -> str:
        return await inner()

    @llmmon.observe("inner")
    async def inner() -> str:
        await asyncio.sleep(0)
        return "done"

    with capture_events() as events:
        assert asyncio.run(outer()) == "done"
    first, second = events.requests
    assert first["parent_id"] == second["id"]


@llmmon.observe("echo")
def echo() -> Generator[str, str, int]:
    heard = 0
    try:
        while True:
            try:
                word = yield f"{heard}"
            except ValueError:
                word = "caught"
            if word == "stop":
                return heard
            heard += 1
    finally:
        assert llmmon.current() is not None


def test_a_generator_keeps_send_throw_and_return() -> None:
    with capture_events() as events:
        talk = echo()
        assert next(talk) == "0"
        assert talk.send("a") == "1"
        assert talk.throw(ValueError()) == "2"
        with pytest.raises(StopIteration) as stopped:
            talk.send("stop")
        assert stopped.value.value == 2
    (row,) = events.requests
    assert (row["operation"], row["stream"]) == ("echo", 1)
    assert "error" not in row


def test_a_generator_is_current_only_while_it_runs() -> None:
    with capture_events():
        talk = echo()
        next(talk)
        assert llmmon.current() is None
        with pytest.raises(StopIteration):
            talk.send("stop")


def test_a_generator_closed_early_is_recorded_without_an_error() -> None:
    @llmmon.observe
    def count() -> Iterator[int]:
        yield from range(10)

    with capture_events() as events:
        for number in count():
            if number == 2:
                break
    (row,) = events.requests
    assert row["finish_reason"] == "closed"
    assert "error" not in row


def test_a_generator_that_fails_is_recorded_with_its_error() -> None:
    @llmmon.observe
    def fail() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with capture_events() as events, pytest.raises(OSError, match="gone"):
        list(fail())
    assert events.requests[0]["error"] == "OSError"


def test_an_async_generator_ends_breaks_and_fails() -> None:
    @llmmon.observe("stream")
    async def stream(fail: bool = False) -> AsyncGenerator[int, None]:
        for number in range(3):
            yield number
        if fail:
            raise TimeoutError

    async def main() -> None:
        assert [number async for number in stream()] == [0, 1, 2]
        source = stream()
        assert await anext(source) == 0
        await source.aclose()
        with pytest.raises(TimeoutError):
            [number async for number in stream(fail=True)]

    with capture_events() as events:
        asyncio.run(main())
    whole, closed, failed = events.requests
    assert "finish_reason" not in whole
    assert closed["finish_reason"] == "closed"
    assert failed["error"] == "TimeoutError"
    assert all(row["stream"] == 1 for row in events.requests)


def test_partials_methods_and_callable_objects() -> None:
    class Bot:
        @llmmon.observe
        async def ask(self) -> str:
            return "answer"

        def __call__(self) -> str:
            return "called"

    async def add(a: int, b: int) -> int:
        return a + b

    observed = llmmon.observe("add")(functools.partial(add, 1))
    with capture_events() as events:
        assert asyncio.run(Bot().ask()) == "answer"
        assert asyncio.run(observed(2)) == 3
        assert llmmon.observe("bot")(Bot())() == "called"
    assert [row["operation"] for row in events.requests] == ["ask", "add", "bot"]


def test_static_and_class_methods_in_either_order() -> None:
    class Bot:
        @llmmon.observe
        @classmethod
        def made(cls) -> str:
            return cls.__name__

        @llmmon.observe("add")
        @staticmethod
        def add(a: int, b: int) -> int:
            return a + b

        @classmethod
        @llmmon.observe("told")
        def told(cls) -> str:
            return cls.__name__

    with capture_events() as events:
        assert (Bot.made(), Bot().made(), Bot.add(1, 2), Bot().add(3, 4)) == ("Bot", "Bot", 3, 7)
        assert Bot.told() == "Bot"
    operations = [row["operation"] for row in events.requests]
    assert operations == ["made", "made", "add", "add", "told"]
