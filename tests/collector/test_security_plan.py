"""Which addresses ask for keys, and what an operator without them is told to run."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.keys import Keys

from llmmon.errors import ConfigError
from llmmon.protocol.endpoint import parse_address
from llmmon_collector.security.live import LiveKeys
from llmmon_collector.security.model import SecuritySettings
from llmmon_collector.security.plan import keys_for

LOOPBACK, BEYOND, IPC = "tcp://127.0.0.1:9000", "tcp://10.0.0.5:9000", "ipc:///run/llmmon"


def plan(address: str, home: Path, **settings: object) -> LiveKeys | None:
    chosen = SecuritySettings.model_validate(settings)
    return keys_for(parse_address(address), chosen, {"XDG_CONFIG_HOME": str(home)})


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "llmmon" / "keys")


def test_without_keys_loopback_and_ipc_ask_for_none(tmp_path: Path) -> None:
    assert plan(LOOPBACK, tmp_path) is None
    assert plan(IPC, tmp_path, curve=True) is None


@pytest.mark.parametrize("host", ["10.0.0.5", "0.0.0.0", "*", "collector.example", "127.0.0.2"])
def test_beyond_loopback_a_server_key_is_needed(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError) as raised:
        plan(f"tcp://{host}:9000", tmp_path)
    assert raised.value.key == "listen"
    for words in (host, "other machines", "`llmmon keys server`", "`llmmon keys allow NAME`"):
        assert words in str(raised.value)


def test_beyond_loopback_somebody_must_be_allowed(keys: Keys, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no key is allowed yet: run `llmmon keys new NAME`"):
        plan(BEYOND, tmp_path)
    keys.new("shop", "agent")
    (keys.directory / "allowed" / "shop.toml").write_text("nonsense")
    with pytest.raises(ConfigError, match=r"no key is allowed yet: .*shop\.toml: not valid TOML"):
        plan(BEYOND, tmp_path)


def test_beyond_loopback_with_keys_they_are_asked_for(keys: Keys, tmp_path: Path) -> None:
    keys.new("shop", "agent")
    found = plan(BEYOND, tmp_path)
    assert found is not None
    assert len(found.keyring) == 1


def test_keys_cannot_be_turned_off_beyond_loopback(keys: Keys, tmp_path: Path) -> None:
    keys.new("shop", "agent")
    with pytest.raises(ConfigError, match="curve = false goes with loopback only"):
        plan(BEYOND, tmp_path, curve=False)
    assert plan(LOOPBACK, tmp_path, curve=False) is None


def test_loopback_asks_for_keys_where_there_is_a_server_key(keys: Keys, tmp_path: Path) -> None:
    assert plan(LOOPBACK, tmp_path) is not None


def test_loopback_that_must_ask_for_keys_needs_a_server_key(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"is to ask for keys: run `llmmon keys server`.* or leave out `curve`"
    ):
        plan(LOOPBACK, tmp_path, curve=True)


def test_commands_name_a_directory_that_is_not_the_usual_one(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    with pytest.raises(ConfigError, match=f"`llmmon keys server --dir {elsewhere}`"):
        plan(BEYOND, tmp_path, keys_dir=str(elsewhere))


def test_a_server_key_that_others_can_read_stops_the_start(keys: Keys, tmp_path: Path) -> None:
    keys.new("shop", "agent")
    (keys.directory / "server.key").chmod(0o644)
    for address in (BEYOND, LOOPBACK):
        with pytest.raises(ConfigError, match="chmod 600"):
            plan(address, tmp_path)
