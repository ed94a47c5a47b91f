"""The keys directory while the collector runs: taken in, revoked, refused, the last good kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.keys import Keys, new_pair

from llmmon.errors import ConfigError
from llmmon.protocol.keyfile import ServerPair, server_text
from llmmon_collector.security.files import read_server_pair
from llmmon_collector.security.live import LiveKeys


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


def live(keys: Keys) -> LiveKeys:
    pair = read_server_pair(keys.directory)
    assert pair == keys.pair
    return LiveKeys(keys.directory, keys.pair)


def allowed_file(keys: Keys, name: str) -> Path:
    return keys.directory / "allowed" / f"{name}.toml"


def names(found: LiveKeys) -> list[str]:
    return [grant.name for grant in found.keyring.grants()]


def test_what_is_allowed_is_known_and_hot_changes_are_taken_in(keys: Keys) -> None:
    shop = keys.new("shop", "agent")
    found = live(keys)
    assert found.keyring.admits(shop.public_key, "ingest")
    assert found.look() == []
    anna = keys.new("anna", "viewer")
    (change,) = found.look()
    assert (change.grant.name, change.allowed) == ("anna", True)
    keys.store.revoke("shop")
    (change,) = found.look()
    assert (change.grant.name, change.allowed) == ("shop", False)
    assert found.keyring.find(shop.public_key) is None
    assert found.keyring.find(anna.public_key) == ("anna", "viewer")
    assert found.problems == ()


def test_a_broken_file_is_told_and_keeps_what_it_said_and_the_others_go_on(keys: Keys) -> None:
    shop, mall = keys.new("shop", "agent"), keys.new("mall", "agent")
    found = live(keys)
    allowed_file(keys, "shop").write_text("role = 'agent")
    keys.store.revoke("mall")
    found.look()
    assert found.keyring.admits(shop.public_key, "ingest")
    assert found.keyring.find(mall.public_key) is None
    (problem,) = found.problems
    assert "what it said before is in force" in problem
    assert str(allowed_file(keys, "shop")) in problem
    allowed_file(keys, "shop").unlink()
    found.look()
    assert (names(found), found.problems) == ([], ())


def test_a_file_broken_from_the_start_allows_nobody(keys: Keys) -> None:
    keys.new("shop", "agent")
    allowed_file(keys, "shop").write_text('role = "agent"')
    found = live(keys)
    assert names(found) == []
    assert "it allows nobody" in found.problems[0]
    assert "public_keys: expected a list" in found.problems[0]


def test_a_grant_that_others_can_write_is_not_taken_in(keys: Keys) -> None:
    keys.new("shop", "agent")
    allowed_file(keys, "shop").chmod(0o620)
    found = live(keys)
    assert names(found) == []
    assert f"chmod go-w {allowed_file(keys, 'shop')}" in found.problems[0]
    allowed_file(keys, "shop").chmod(0o600)
    found.look()
    assert (names(found), found.problems) == (["shop"], ())


def test_a_directory_that_others_can_write_freezes_what_is_allowed(keys: Keys) -> None:
    keys.new("shop", "agent")
    found = live(keys)
    (keys.directory / "allowed").chmod(0o770)
    keys.new("late", "agent", allowed=False)
    assert found.look() == []
    assert names(found) == ["shop"]
    assert f"chmod go-w {keys.directory / 'allowed'}" in found.problems[0]


def test_a_directory_that_is_gone_takes_all_keys_away(keys: Keys) -> None:
    keys.new("shop", "agent")
    found = live(keys)
    allowed_file(keys, "shop").unlink()
    (keys.directory / "allowed").rmdir()
    found.look()
    assert names(found) == []


def test_a_link_to_nowhere_takes_its_key_away(keys: Keys, tmp_path: Path) -> None:
    keys.new("shop", "agent")
    file = allowed_file(keys, "shop")
    real = tmp_path / "real.toml"
    file.rename(real)
    file.symlink_to(real)
    found = live(keys)
    assert names(found) == ["shop"]
    real.unlink()
    found.look()
    assert names(found) == []


def test_a_key_under_two_names_is_nobodys(keys: Keys) -> None:
    shop = keys.new("shop", "agent")
    keys.store.grant("root", ("operator", (shop.public_key,)))
    found = live(keys)
    assert found.keyring.find(shop.public_key) is None
    assert "allowed as root and as shop, so not at all" in found.problems[0]
    keys.store.revoke("root")
    found.look()
    assert found.keyring.find(shop.public_key) == ("shop", "agent")


def test_files_that_are_no_grants_are_passed_over(keys: Keys) -> None:
    keys.new("shop", "agent")
    for name in (".new-x.toml", "shop.toml~", "README"):
        (keys.directory / "allowed" / name).write_text("nonsense")
    found = live(keys)
    assert (names(found), found.problems) == (["shop"], ())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_server_key_that_others_can_read_is_refused(keys: Keys, mode: int) -> None:
    (keys.directory / "server.key").chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {keys.directory}/server.key"):
        read_server_pair(keys.directory)


def test_a_keys_directory_that_others_can_write_is_refused(keys: Keys) -> None:
    keys.directory.chmod(0o730)
    with pytest.raises(ConfigError, match=f"chmod go-w {keys.directory}"):
        read_server_pair(keys.directory)


def test_no_server_key_is_no_error(tmp_path: Path) -> None:
    assert read_server_pair(tmp_path) is None


def test_a_changed_server_key_waits_for_a_restart_and_is_told(keys: Keys) -> None:
    found = live(keys)
    other = keys.directory / "other"
    other.touch(0o600)
    other.write_text(server_text(ServerPair(*new_pair())))
    os.replace(other, keys.directory / "server.key")
    found.look()
    assert found.pair == keys.pair
    assert "server.key has changed: restart the collector" in found.problems[0]


def test_whose_a_revoked_key_was_is_remembered_until_it_is_allowed_again(keys: Keys) -> None:
    shop = keys.new("shop", "agent")
    live = LiveKeys(keys.directory, keys.pair)
    beginning = f"{shop.public_key[:8]}..."
    keys.store.revoke("shop")
    live.look()
    assert live.holder(shop.public_key) == f"shop ({beginning})"
    keys.store.grant("mall", ("agent", (shop.public_key,)))
    live.look()
    assert live.revoked == {}
    assert live.holder(shop.public_key) == beginning
