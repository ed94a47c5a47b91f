"""Key files: what is written in them, and who may have them. Pure; reading is left to shells.

Three kinds, all TOML: the collector's own pair, a client's pair with the collector's public key,
and a grant, which says what the holder of a public key may do.
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from llmmon.errors import ConfigError
from llmmon.protocol.curve import ROLES, CurveKeys, is_key

SERVER_FILE: Final = "server.key"
CLIENT_SUFFIX: Final = ".key"
GRANTS_DIRECTORY: Final = "allowed"
GRANT_SUFFIX: Final = ".toml"
MAX_BYTES: Final = 16_384
"""More is no key file."""
MAX_KEYS: Final = 8
"""Public keys of one grant: the one in use, and those that take over from it."""
DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class ServerPair(NamedTuple):
    """The collector's keys."""

    public_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"ServerPair(public_key={self.public_key!r}, ...)"


class ClientFile(NamedTuple):
    """What a client needs to connect, in one file."""

    name: str
    role: str
    keys: CurveKeys


class Grant(NamedTuple):
    """Who a public key belongs to, and what it may do."""

    name: str
    role: str


def default_keys_dir(environ: Mapping[str, str]) -> str:
    """``$XDG_CONFIG_HOME/llmmon/keys``, else ``~/.config/llmmon/keys``."""
    home = environ.get("XDG_CONFIG_HOME") or f"{environ.get('HOME', '')}/.config"
    return f"{home}/llmmon/keys"


def is_name(text: str) -> bool:
    """Whether ``text`` can name a key: it becomes a file's name."""
    return _NAME.fullmatch(text) is not None


def parse_server(text: str, file: str) -> ServerPair:
    """The pair in ``text``.

    Raises:
        ConfigError: not TOML, or a key is missing or wrong; names ``file``.
    """
    values = _parse(text, file, ("public_key", "secret_key"))
    return ServerPair(*(_key(values, name, file) for name in ServerPair._fields))


def parse_client(text: str, file: str) -> ClientFile:
    """The client's keys in ``text``.

    Raises:
        ConfigError: as :func:`parse_server`.
    """
    values = _parse(text, file, ("name", "role", *CurveKeys._fields))
    keys = CurveKeys(*(_key(values, name, file) for name in CurveKeys._fields))
    return ClientFile(_name(values, file), _role(values, file), keys)


def parse_grant(text: str, file: str) -> tuple[str, tuple[str, ...]]:
    """The role in ``text``, and the public keys that have it.

    Raises:
        ConfigError: as :func:`parse_server`.
    """
    values = _parse(text, file, ("role", "public_keys"))
    keys = values.get("public_keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        reason = f"expected a list of 1 to {MAX_KEYS} public keys"
        raise ConfigError(reason, file=file, key="public_keys")
    if not all(isinstance(key, str) and is_key(key) for key in keys):
        raise ConfigError(
            "expected public keys, 40 characters of Z85 each", file=file, key="public_keys"
        )
    return _role(values, file), tuple(keys)


def server_text(pair: ServerPair) -> str:
    """What :func:`parse_server` reads."""
    comment = "The collector's own keys. Clients need public_key; secret_key stays here."
    return _text(comment, pair._asdict())


def client_text(client: ClientFile) -> str:
    """What :func:`parse_client` reads."""
    comment = "A client's keys: whoever has this file can connect. LLMMON_KEY_FILE names it."
    return _text(comment, {"name": client.name, "role": client.role, **client.keys._asdict()})


def grant_text(role: str, public_keys: tuple[str, ...]) -> str:
    """What :func:`parse_grant` reads."""
    keys = ", ".join(f'"{key}"' for key in public_keys)
    comment = "Who has one of these keys may connect. Delete this file to end that."
    return f'# {comment}\nrole = "{role}"\npublic_keys = [{keys}]\n'


def check_modes(file: str, file_mode: int, directory: str, directory_mode: int) -> None:
    """See that a file with a secret in it is its owner's alone. Modes are ``st_mode``.

    Raises:
        ConfigError: others can read it, or put another in its place; tells the command to run.
    """
    if stat.S_IMODE(file_mode) & 0o077:
        raise ConfigError(f"others can get at this key: run `chmod 600 {file}`", file=file)
    check_directory_mode(directory, directory_mode)


def check_directory_mode(directory: str, directory_mode: int) -> None:
    """See that only its owner can put files into ``directory``.

    Raises:
        ConfigError: others can; tells the command to run.
    """
    if stat.S_IMODE(directory_mode) & 0o022:
        reason = f"others can put keys into this directory: run `chmod go-w {directory}`"
        raise ConfigError(reason, file=directory)


def _parse(text: str, file: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        # its message can quote the line, and the line can be the secret
        raise ConfigError("not valid TOML: make the file again", file=file) from None
    if unknown := [name for name in values if name not in known]:
        reason = f"unknown key; expected {', '.join(known)}"
        raise ConfigError(reason, file=file, key=unknown[0])
    return values


def _key(values: Mapping[str, Any], name: str, file: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not is_key(value):
        raise ConfigError("expected 40 characters of Z85", file=file, key=name)
    return value


def _role(values: Mapping[str, Any], file: str) -> str:
    role = values.get("role")
    if role not in ROLES:
        raise ConfigError(f"expected one of {', '.join(ROLES)}", file=file, key="role")
    return str(role)


def _name(values: Mapping[str, Any], file: str) -> str:
    name = values.get("name")
    if not isinstance(name, str) or not is_name(name):
        reason = "expected letters, digits, `_`, `.` and `-`, at most 64"
        raise ConfigError(reason, file=file, key="name")
    return name


def _text(comment: str, values: Mapping[str, str]) -> str:
    lines = "".join(f'{name} = "{value}"\n' for name, value in values.items())
    return f"# {comment}\n{lines}"
