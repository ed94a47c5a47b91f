"""The watcher with real files: editors' replaces, torn writes, broken content, links, blindness."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from llmmon.errors import ConfigError
from llmmon_collector.config.load import Loaded, load
from llmmon_collector.config.watch import ConfigWatcher

RULE = '[[rule]]\nname = "{}"\nvalue = "error_rate"\nwarning = {{ above = 0.1 }}\n'


class Reloads:
    """What a daemon would do: load, follow the new sources, keep what happened."""

    def __init__(self, main: Path, poll_s: float, debounce_s: float) -> None:
        self.main = main
        self.on_change = self.change
        self.happened: asyncio.Queue[Loaded | Exception] = asyncio.Queue()
        self.watcher = ConfigWatcher(
            self.call, self.happened.put_nowait, debounce_s=debounce_s, poll_s=poll_s
        )

    async def call(self) -> None:
        await self.on_change()

    async def change(self) -> None:
        loaded = load(self.main, {}, self.main.parent)
        self.watcher.follow(loaded.sources, loaded.rules_dir)
        self.happened.put_nowait(loaded)

    async def next(self) -> Loaded:
        async with asyncio.timeout(20):
            found = await self.happened.get()
        assert isinstance(found, Loaded), found
        return found

    async def next_error(self) -> Exception:
        async with asyncio.timeout(20):
            found = await self.happened.get()
        assert isinstance(found, Exception), found
        return found


@asynccontextmanager
async def watching(
    main: Path, poll_s: float = 60.0, debounce_s: float = 0.1
) -> AsyncIterator[Reloads]:
    reloads = Reloads(main, poll_s, debounce_s)
    loaded = load(main, {}, main.parent)
    reloads.watcher.follow(loaded.sources, loaded.rules_dir)
    task = asyncio.create_task(reloads.watcher.run())
    try:
        yield reloads
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def name_text(name: str) -> str:
    return f'[collector]\nname = "{name}"\n'


def replace(file: Path, text: str) -> None:
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(text)
    os.replace(fresh, file)


@pytest.fixture
def main(tmp_path: Path) -> Path:
    file = tmp_path / "llmmon.toml"
    file.write_text(name_text("first"))
    return file


async def test_five_atomic_replaces_are_each_seen(main: Path) -> None:
    async with watching(main) as reloads:
        for number in range(5):
            replace(main, name_text(f"n{number}"))
            loaded = await reloads.next()
            assert loaded.settings.collector.name == f"n{number}"


async def test_a_file_written_bit_by_bit_is_read_once_and_whole(main: Path) -> None:
    async with watching(main, debounce_s=1.0) as reloads:
        text = name_text("whole") + RULE.format("a") + RULE.format("b")
        with main.open("w") as opened:
            for character in text:
                opened.write(character)
                opened.flush()
                await asyncio.sleep(0)
        loaded = await reloads.next()
        assert [rule.name for rule in loaded.settings.rules] == ["a", "b"]
        assert reloads.happened.empty()


async def test_a_broken_file_is_reported_and_a_mended_one_taken(main: Path) -> None:
    async with watching(main) as reloads:
        main.write_text('[collector]\nname = "x"\nlatenes = "1m"\n')
        error = await reloads.next_error()
        assert isinstance(error, ConfigError)
        assert (error.file, error.line, error.key) == (str(main), 3, "collector.latenes")
        assert "did you mean" in error.reason
        replace(main, name_text("mended"))
        assert (await reloads.next()).settings.collector.name == "mended"


async def test_content_mended_before_the_retry_is_not_reported(main: Path) -> None:
    async with watching(main) as reloads:
        attempts = []

        async def change() -> None:
            attempts.append(main.read_text())
            if len(attempts) == 1:
                main.write_text(name_text("whole"))
                raise ConfigError("torn")
            await reloads.change()

        reloads.on_change = change
        main.write_text("[collector]\nname =")
        assert (await reloads.next()).settings.collector.name == "whole"
        assert len(attempts) == 2


async def test_an_error_in_the_callback_does_not_end_the_watch(main: Path) -> None:
    async with watching(main) as reloads:

        async def broken() -> None:
            raise ZeroDivisionError

        reloads.on_change = broken
        main.write_text(name_text("second"))
        assert isinstance(await reloads.next_error(), ZeroDivisionError)
        reloads.on_change = reloads.change
        main.write_text(name_text("third"))
        assert (await reloads.next()).settings.collector.name == "third"


async def test_files_of_the_rules_dir_come_change_and_go(main: Path) -> None:
    rules = main.parent / "rules.d"
    rules.mkdir()
    main.write_text('[collector]\nrules_dir = "rules.d"\n')

    async with watching(main) as reloads:

        async def rule_names() -> list[str]:
            return [rule.name for rule in (await reloads.next()).settings.rules]

        (rules / "a.toml").write_text(RULE.format("one"))
        assert await rule_names() == ["one"]
        replace(rules / "a.toml", RULE.format("two"))
        assert await rule_names() == ["two"]
        (rules / "b.toml").write_text(RULE.format("more"))
        assert await rule_names() == ["two", "more"]
        (rules / "a.toml").unlink()
        assert await rule_names() == ["more"]


async def test_a_deleted_file_is_reported_and_its_return_taken(main: Path) -> None:
    async with watching(main) as reloads:
        main.unlink()
        assert "cannot be read: No such file" in str(await reloads.next_error())
        main.write_text(name_text("back"))
        assert (await reloads.next()).settings.collector.name == "back"


async def test_a_swapped_link_as_kubernetes_makes_it_is_seen(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "llmmon.toml").write_text(name_text(version))
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "llmmon.toml").symlink_to("..data/llmmon.toml")
    async with watching(tmp_path / "llmmon.toml") as reloads:
        (tmp_path / "..tmp").symlink_to("..two")
        os.replace(tmp_path / "..tmp", tmp_path / "..data")
        assert (await reloads.next()).settings.collector.name == "two"


async def test_looking_finds_what_a_blind_watch_misses(tmp_path: Path) -> None:
    directory = tmp_path / "conf"
    directory.mkdir()
    main = directory / "llmmon.toml"
    main.write_text(name_text("first"))
    async with watching(main, poll_s=0.2) as reloads:
        directory.rename(tmp_path / "old")
        assert "No such file" in str(await reloads.next_error())
        directory.mkdir()
        main.write_text(name_text("second"))
        assert (await reloads.next()).settings.collector.name == "second"
