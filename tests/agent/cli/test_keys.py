"""``llmmon keys``: private files, plain words, the next step, and no secret on the screen."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.keys import new_pair

from llmmon.cli.commands import llmmon as group
from llmmon.cli.keystore import KeyStore

Keys = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "llmmon" / "keys"


@pytest.fixture
def keys(home: Path) -> Keys:
    def run(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(group, ["keys", *arguments])
        assert result.exit_code == status, result.output
        for path in home.glob("*.key") if "--secret" not in arguments else ():
            secret = path.read_text().split('secret_key = "')[1][:40]
            assert secret not in result.output
        return result

    return run


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_from_nothing_to_an_allowed_agent(keys: Keys, home: Path) -> None:
    assert "next: `llmmon keys new NAME`" in keys("server").output
    assert "next: `llmmon keys allow shop`" in keys("new", "shop").output
    assert "made and not allowed: shop" in keys("show").output
    assert "allowed: shop, agent" in keys("allow", "shop").output
    store = KeyStore(home)
    pair = store.server()
    (client,) = store.clients()
    assert pair is not None
    assert (client.name, client.role) == ("shop", "agent")
    assert client.keys.server_key == pair.public_key
    assert store.grants() == {"shop": ("agent", (client.keys.public_key,))}
    shown = keys("show").output
    assert pair.public_key in shown
    assert client.keys.public_key in shown
    assert "not allowed" not in shown
    keys("revoke", "shop")
    assert store.grants() == {}


def test_files_are_their_owners_alone_whatever_the_umask(
    keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys("server")
    keys("new", "shop")
    keys("allow", "shop")
    assert {mode(home), mode(home / "allowed")} == {0o700}
    files = [home / "server.key", home / "shop.key", home / "allowed" / "shop.toml"]
    assert {mode(path) for path in files} == {0o600}
    assert sorted(home.rglob(".new-*")) == []


def test_nothing_is_overwritten(keys: Keys, home: Path) -> None:
    keys("server")
    keys("new", "shop")
    before = [(home / name).read_bytes() for name in ("server.key", "shop.key")]
    assert "there is nothing to do" in keys("server", status=2).output
    assert "choose another name, or delete it first" in keys("new", "shop", status=2).output
    assert [(home / name).read_bytes() for name in ("server.key", "shop.key")] == before


def test_a_key_made_where_it_is_used_travels_as_its_public_half(keys: Keys, home: Path) -> None:
    server_key, public_key = new_pair()[0], new_pair()[0]
    output = keys("new", "shop", "--server-key", server_key, "--role", "viewer").output
    (client,) = KeyStore(home).clients()
    assert client.keys.server_key == server_key
    assert f"llmmon keys allow '{client.keys.public_key}' --name shop --role viewer" in output
    keys("allow", public_key, "--name", "far", "--role", "operator")
    assert KeyStore(home).grants() == {"far": ("operator", (public_key,))}


def test_a_public_key_is_never_taken_for_an_option(
    keys: Keys, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_key, (good, secret_key) = new_pair()[0], new_pair()
    pairs = iter([(b"-" + good[1:].encode(), b"x" * 40), (good.encode(), secret_key.encode())])
    monkeypatch.setattr("zmq.curve_keypair", lambda: next(pairs))
    keys("new", "shop", "--server-key", server_key)
    (client,) = KeyStore(home).clients()
    assert client.keys.public_key == good


def test_a_name_changes_over_from_one_key_to_another(keys: Keys, home: Path) -> None:
    keys("server")
    keys("new", "shop")
    keys("allow", "shop")
    keys("new", "shop-2")
    refused = keys("allow", "shop-2", "--name", "shop", status=2)
    assert "or let both be allowed for a while with --add" in refused.output
    assert "2 keys" in keys("allow", "shop-2", "--name", "shop", "--add").output
    new, old = (one.keys.public_key for one in KeyStore(home).clients())
    assert KeyStore(home).grants() == {"shop": ("agent", (old, new))}
    assert "1 left" in keys("revoke", "shop", "--key", old[:10]).output
    assert KeyStore(home).grants() == {"shop": ("agent", (new,))}
    keys("revoke", "shop", "--key", new[:10])
    assert KeyStore(home).grants() == {}


def test_a_key_has_one_name_and_a_name_one_role(keys: Keys) -> None:
    keys("server")
    keys("new", "shop")
    keys("allow", "shop")
    keys("allow", "shop")
    again = keys("allow", "shop", "--name", "mall", status=2)
    assert "this key is allowed as 'shop': revoke that first" in again.output
    keys("new", "boss", "--role", "operator")
    other = keys("allow", "boss", "--name", "shop", "--add", status=2)
    assert "is of the role agent" in other.output


def test_a_secret_is_shown_to_who_asks_for_it(keys: Keys, home: Path) -> None:
    keys("server")
    keys("new", "shop")
    assert "not shown: ask with --secret" in keys("show", "shop").output
    (client,) = KeyStore(home).clients()
    assert client.keys.secret_key in keys("show", "shop", "--secret").output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["new", "shop"], "make it with `llmmon keys server`"),
        (["new", "server"], "made by `llmmon keys server`"),
        (["new", "../shop", "--server-key", "k" * 40], "expected letters"),
        (["new", "shop", "--server-key", "short"], "expected 40 characters of Z85"),
        (["allow", "k" * 40], "a public key needs --name and --role"),
        (["allow", "nobody"], "make one with `llmmon keys new`"),
        (["revoke", "nobody"], "no key is allowed as 'nobody'; allowed: none"),
        (["revoke", "nobody", "--key", "x"], "0 keys of 'nobody' begin with 'x'"),
        (["show", "nobody"], "no key 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_told(keys: Keys, arguments: list[str], told: str) -> None:
    assert told in keys(*arguments, status=2).output


def test_files_that_others_get_at_are_refused_with_the_command_to_run(
    keys: Keys, home: Path
) -> None:
    keys("server")
    (home / "server.key").chmod(0o644)
    assert f"chmod 600 {home}/server.key" in keys("new", "shop", status=2).output
    (home / "server.key").chmod(0o600)
    home.chmod(0o770)
    assert f"chmod go-w {home}" in keys("new", "shop", status=2).output


def test_commands_to_copy_name_another_directory(keys: Keys, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    assert f"keys new NAME --dir {elsewhere}" in keys("server", "--dir", elsewhere).output
    assert f"keys allow shop --dir {elsewhere}" in keys("new", "shop", "--dir", elsewhere).output
