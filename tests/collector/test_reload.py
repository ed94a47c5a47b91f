"""A changed configuration: in force when it is sound, told when it is not, never half of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from llmmon.errors import ConfigError
from llmmon_collector.config.load import load
from llmmon_collector.config.settings import Settings
from llmmon_collector.reload import Reloader

RULE = '[[rule]]\nname = "{}"\nvalue = "error_rate"\nwarning = {{ above = 0.1 }}\n'
COLLECTOR = '[collector]\nname = "one"\n'


class Rig:
    """A configuration file, its reloader, and what was put in force."""

    def __init__(self, directory: Path, text: str | None) -> None:
        self.file = directory / "llmmon.toml"
        if text is not None:
            self.file.write_text(text)
        self.applied: list[Settings] = []
        self.refusal: ConfigError | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        environ = {"HOME": str(directory)}
        loaded = load(None, environ, directory)
        self.reloader = Reloader(loaded, environ, directory, self._apply)

    async def _apply(self, settings: Settings) -> None:
        await self.gate.wait()
        if self.refusal is not None:
            raise self.refusal
        self.applied.append(settings)

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def rules(self) -> list[str]:
        return [rule.name for rule in self.reloader.settings.rules]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, COLLECTOR + RULE.format("a"))


async def test_a_sound_change_is_in_force(rig: Rig) -> None:
    rig.write('[collector]\nname = "two"\n' + RULE.format("a") + RULE.format("b"))
    assert await rig.reloader.reload() == {"rules": 2, "problems": []}
    assert rig.rules() == ["a", "b"]
    assert rig.reloader.settings.collector.name == "two"
    assert rig.applied == [rig.reloader.settings]
    assert rig.reloader.problems == ()


async def test_a_broken_file_keeps_the_old_settings_and_names_file_and_line(rig: Rig) -> None:
    before = rig.reloader.settings
    rig.write(COLLECTOR + RULE.format("a") + "treshold = 3\n")
    with pytest.raises(ConfigError) as raised:
        await rig.reloader.reload()
    assert (raised.value.file, raised.value.line) == (str(rig.file), 7)
    assert rig.reloader.settings is before
    assert rig.applied == []
    (problem,) = rig.reloader.problems
    assert f"the last good one is in force: {rig.file}:7: " in problem
    assert "treshold" in problem


async def test_a_mended_file_is_in_force_and_the_problem_gone(rig: Rig) -> None:
    rig.write("[collector\n")
    with pytest.raises(ConfigError, match=r"llmmon\.toml:1"):
        await rig.reloader.reload()
    rig.write(COLLECTOR + RULE.format("mended"))
    assert await rig.reloader.reload() == {"rules": 1, "problems": []}
    assert rig.rules() == ["mended"]
    assert (rig.reloader.broken, rig.reloader.problems) == ("", ())


async def test_settings_that_cannot_be_applied_are_as_good_as_broken(rig: Rig) -> None:
    rig.write(COLLECTOR + RULE.format("b"))
    rig.refusal = ConfigError("no secret in $HOOK", key="channels.ops")
    with pytest.raises(ConfigError, match="no secret"):
        await rig.reloader.reload()
    assert rig.rules() == ["a"]
    assert "channels.ops: no secret in $HOOK" in rig.reloader.broken
    rig.refusal = None
    await rig.reloader.reload()
    assert (rig.rules(), rig.reloader.problems) == (["b"], ())


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ('windows = ["1m", "5m"]', "windows"),
        ('lateness = "10s"', "lateness"),
        ('retention = "7d"', "retention"),
        ('tick = "2s"', "tick"),
        ('http = ""', "http"),
        ('state_dir = "state"', "state_dir"),
        ('timezone = "Europe/Berlin"', "timezone"),
        ('max_series = 10\nlisten = "ipc:///run/x"', "listen, max_series"),
    ],
)
async def test_what_needs_a_restart_is_told_by_its_name_in_the_file(
    rig: Rig, changed: str, named: str
) -> None:
    rig.write(COLLECTOR + changed + "\n" + RULE.format("b"))
    told = f"restart the collector to apply: {named}"
    assert await rig.reloader.reload() == {"rules": 1, "problems": [told]}
    assert rig.reloader.pending == told
    assert rig.rules() == ["b"]
    rig.write(COLLECTOR + RULE.format("b"))
    assert (await rig.reloader.reload())["problems"] == []


async def test_prices_need_a_restart(rig: Rig) -> None:
    rig.write('[[price]]\nmodel = "m"\ninput_per_mtok = 1\noutput_per_mtok = 2\n')
    assert (await rig.reloader.reload())["problems"] == ["restart the collector to apply: price"]


async def test_what_waits_for_a_restart_waits_on_while_the_file_is_broken(rig: Rig) -> None:
    rig.write(COLLECTOR + "max_series = 10\n")
    await rig.reloader.reload()
    rig.write("broken")
    with pytest.raises(ConfigError):
        await rig.reloader.reload()
    assert [problem.split()[0] for problem in rig.reloader.problems] == ["configuration", "restart"]
    rig.write(COLLECTOR + "max_series = 10\n" + RULE.format("c"))
    problems = (await rig.reloader.reload())["problems"]
    assert problems == ["restart the collector to apply: max_series"]


async def test_names_notes_and_rule_directories_need_no_restart(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "more.toml").write_text(RULE.format("more"))
    rig.write('[collector]\nname = "x"\nnote = "y"\nrules_dir = "rules.d"\n' + RULE.format("a"))
    assert await rig.reloader.reload() == {"rules": 2, "problems": []}
    (tmp_path / "rules.d" / "more.toml").write_text("[[rule]]\nname = 3\n")
    with pytest.raises(ConfigError, match=r"more\.toml:1"):
        await rig.reloader.reload()
    assert rig.rules() == ["a", "more"]


async def test_a_file_that_is_gone_is_told(rig: Rig) -> None:
    rig.file.unlink()
    with pytest.raises(ConfigError, match=r"llmmon\.toml: cannot be read"):
        await rig.reloader.reload()
    assert rig.rules() == ["a"]


async def test_a_file_that_came_after_the_start_is_found(tmp_path: Path) -> None:
    rig = Rig(tmp_path, None)
    assert await rig.reloader.reload() == {"rules": 0, "problems": []}
    rig.write(RULE.format("new"))
    assert await rig.reloader.reload() == {"rules": 1, "problems": []}
    assert rig.reloader.loaded.main == rig.file


async def test_of_two_reloads_at_once_the_later_file_stays_in_force(rig: Rig) -> None:
    rig.gate.clear()
    rig.write(RULE.format("early"))
    first = asyncio.create_task(rig.reloader.reload())
    await asyncio.sleep(0)
    rig.write(RULE.format("late"))
    second = asyncio.create_task(rig.reloader.reload())
    await asyncio.sleep(0)
    rig.gate.set()
    await asyncio.gather(first, second)
    assert [settings.rules[0].name for settings in rig.applied] == ["early", "late"]
    assert rig.rules() == ["late"]


async def test_where_keys_are_waits_for_a_restart(rig: Rig) -> None:
    rig.write(COLLECTOR + '[security]\nkeys_dir = "other"\n')
    problems = (await rig.reloader.reload())["problems"]
    assert problems == ["restart the collector to apply: security"]
