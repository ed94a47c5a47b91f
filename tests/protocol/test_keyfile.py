"""Key files: what is written is read again, what is wrong is named, secrets are not quoted."""

from __future__ import annotations

import pytest
from support.keys import new_pair

from llmmon.errors import ConfigError
from llmmon.protocol.curve import CurveKeys
from llmmon.protocol.keyfile import (
    ClientFile,
    ServerPair,
    check_modes,
    client_text,
    grant_text,
    parse_client,
    parse_grant,
    parse_server,
    server_text,
)


def a_client() -> ClientFile:
    return ClientFile("shop", "agent", CurveKeys(new_pair()[0], *new_pair()))


def test_each_kind_is_read_as_it_was_written() -> None:
    pair, client = ServerPair(*new_pair()), a_client()
    assert parse_server(server_text(pair), "f") == pair
    assert parse_client(client_text(client), "f") == client
    keys = (new_pair()[0], new_pair()[0])
    assert parse_grant(grant_text("viewer", keys), "f") == ("viewer", keys)
    assert pair.secret_key not in repr(pair)
    assert client.keys.secret_key not in repr(client)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('role = "agent"', 'role = "boss"', "f: role: expected one of agent, viewer, operator"),
        ('role = "agent"', "", "f: role: expected one of"),
        ('name = "shop"', 'name = "../shop"', "f: name: expected letters"),
        ("secret_key", "secret", "f: secret: unknown key"),
        ('public_key = "', 'public_key = "xx', "f: public_key: expected 40 characters"),
        ('secret_key = "', "secret_key = ", "f: not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_quoted(before: str, after: str, told: str) -> None:
    client = a_client()
    with pytest.raises(ConfigError, match=told) as raised:
        parse_client(client_text(client).replace(before, after), "f")
    assert client.keys.secret_key not in str(raised.value)


@pytest.mark.parametrize("keys", ["[]", '"x"', '["x"]', "[1]", f"{['k'] * 9}"])
def test_a_grant_has_public_keys(keys: str) -> None:
    with pytest.raises(ConfigError, match="f: public_keys: expected"):
        parse_grant(f'role = "agent"\npublic_keys = {keys}', "f")


@pytest.mark.parametrize(
    ("file_mode", "directory_mode", "command"),
    [
        (0o640, 0o700, "chmod 600 /k/a.key"),
        (0o604, 0o700, "chmod 600 /k/a.key"),
        (0o600, 0o770, "chmod go-w /k"),
        (0o600, 0o1777, "chmod go-w /k"),
    ],
)
def test_a_secret_that_others_get_at_is_refused_with_the_command_to_run(
    file_mode: int, directory_mode: int, command: str
) -> None:
    check_modes("/k/a.key", 0o100600, "/k", 0o40755)
    with pytest.raises(ConfigError, match=command):
        check_modes("/k/a.key", 0o100000 | file_mode, "/k", 0o40000 | directory_mode)
