"""The key file of a service: one setting, checked before it is used."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.keys import Keys, new_pair

from llmmon.config import resolve
from llmmon.errors import ConfigError
from llmmon.protocol.curve import CurveKeys

NAMES = CurveKeys._fields


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


def test_one_file_is_enough_by_argument_or_by_variable(keys: Keys) -> None:
    shop = keys.new("shop", "agent")
    assert resolve({"key_file": keys.file("shop")}, {}).keys == shop
    assert resolve({}, {"LLMMON_KEY_FILE": keys.file("shop")}).keys == shop


def test_an_argument_wins_over_the_environment_whichever_way_it_names_keys(keys: Keys) -> None:
    shop, mall = keys.new("shop", "agent"), keys.new("mall", "agent")
    environ = {"LLMMON_KEY_FILE": keys.file("mall")}
    assert resolve({"key_file": keys.file("shop")}, environ).keys == shop
    assert resolve(dict(zip(NAMES, shop, strict=True)), environ).keys == shop
    variables = {f"LLMMON_{name.upper()}": key for name, key in zip(NAMES, mall, strict=True)}
    assert resolve({"key_file": keys.file("shop")}, variables).keys == shop
    assert resolve({}, variables).keys == mall


def test_a_file_and_keys_in_the_same_place_are_one_too_many(keys: Keys) -> None:
    keys.new("shop", "agent")
    given = {"key_file": keys.file("shop"), "public_key": new_pair()[0]}
    with pytest.raises(ConfigError, match=r"key_file: name it or give server_key, .* not both"):
        resolve(given, {})
    with pytest.raises(ConfigError, match="LLMMON_KEY_FILE: name it or give LLMMON_SERVER_KEY"):
        resolve({}, {f"LLMMON_{name.upper()}": value for name, value in given.items()})


@pytest.mark.parametrize(
    ("mode", "directory_mode", "command"),
    [(0o640, 0o700, "chmod 600"), (0o600, 0o720, "chmod go-w")],
)
def test_a_file_that_others_get_at_is_refused(
    keys: Keys, mode: int, directory_mode: int, command: str
) -> None:
    keys.new("shop", "agent")
    Path(keys.file("shop")).chmod(mode)
    keys.directory.chmod(directory_mode)
    with pytest.raises(ConfigError, match=command):
        resolve({"key_file": keys.file("shop")}, {})


def test_a_file_that_is_none_is_named(keys: Keys, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.key: the key cannot be read: No such file"):
        resolve({"key_file": str(tmp_path / "nowhere.key")}, {})
    binary = keys.directory / "binary.key"
    binary.touch(0o600)
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"binary\.key: not UTF-8 text"):
        resolve({"key_file": str(binary)}, {})
    with pytest.raises(ConfigError, match=r"server\.key: server_key: expected"):
        resolve({"key_file": str(keys.directory / "server.key")}, {})
