"""``llmmon keys``: who may connect to a collector over TCP, and what they need for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import zmq

from llmmon.cli.keystore import Granted, KeyStore
from llmmon.cli.tables import plain, table
from llmmon.errors import ConfigError
from llmmon.protocol.curve import AGENT, KEY_FILE_VARIABLE, ROLES, CurveKeys, is_key
from llmmon.protocol.keyfile import MAX_KEYS, ClientFile, ServerPair, default_keys_dir

Command = Callable[..., Any]
_SERVER: Final = "server"


def _store(ctx: click.Context, param: click.Parameter, value: Path | None) -> KeyStore:
    return KeyStore((value or Path(default_keys_dir(os.environ))).expanduser().absolute())


_dir_option: Final = click.option(
    "--dir",
    "store",
    type=click.Path(path_type=Path, file_okay=False),
    callback=_store,
    help="The keys directory. [default: $XDG_CONFIG_HOME/llmmon/keys]",
)
_role_option: Final = click.option(
    "--role", type=click.Choice(ROLES), help="What its holder may do."
)


@click.group()
def keys() -> None:
    """Make, allow and revoke the keys of a collector that listens beyond its own machine.

    Agents send; viewers look and ask; operators also acknowledge, silence and reload.
    """


@keys.command()
@_dir_option
def server(store: KeyStore) -> None:
    """Make the collector's own key."""
    path = store.add_server(ServerPair(*_new_pair()))
    click.echo(f"made {path}")
    where = _where(store)
    click.echo(f"next: `llmmon keys new NAME{where}` and `llmmon keys allow NAME{where}` for each")
    click.echo(
        "client, then start the collector with --listen tcp://HOST:PORT; restart it if it runs"
    )


@keys.command()
@click.argument("name")
@_role_option
@click.option("--server-key", help="The collector's public key, where its keys are elsewhere.")
@_dir_option
def new(name: str, role: str | None, server_key: str | None, store: KeyStore) -> None:
    """Make a client's key NAME: one file, which is all that the client needs."""
    if name == _SERVER:
        raise click.UsageError("the collector's own key is made by `llmmon keys server`")
    their_own = server_key or _server_key(store)
    if not is_key(their_own):
        raise click.BadParameter("expected 40 characters of Z85", param_hint="--server-key")
    client = ClientFile(name, role or AGENT, CurveKeys(their_own, *_new_pair()))
    path = store.add_client(client)
    click.echo(f"made {path} for the {client.role} {name}")
    if server_key:
        click.echo("next, where the collector runs:")
        click.echo(
            f"  llmmon keys allow '{client.keys.public_key}' --name {name} --role {client.role}"
        )
    else:
        click.echo(f"next: `llmmon keys allow {name}{_where(store)}`, then move the file to")
        click.echo("the client's machine")
    click.echo(f"the client finds it by {KEY_FILE_VARIABLE}=PATH, where PATH is where it is then")


def _where(store: KeyStore) -> str:
    """What commands to copy need to find the directory again."""
    default = Path(default_keys_dir(os.environ)).absolute()
    return "" if store.directory == default else f" --dir {store.directory}"


def _server_key(store: KeyStore) -> str:
    pair = store.server()
    if pair is None:
        raise ConfigError(
            f"no server.key in {store.directory}: make it with `llmmon keys server`, "
            "or give the collector's public key with --server-key"
        )
    return pair.public_key


def _new_pair() -> tuple[str, str]:
    while True:
        public_key, secret_key = (key.decode() for key in zmq.curve_keypair())
        # one that begins with a dash would be an option to the commands that it is given to
        if not public_key.startswith("-"):
            return public_key, secret_key


@keys.command()
@click.argument("what", metavar="PUBLIC_KEY|FILE|NAME")
@click.option("--name", help="Whose it is. [default: as the file says]")
@_role_option
@click.option("--add", is_flag=True, help="Keep NAME's other keys, while its holder changes over.")
@_dir_option
def allow(what: str, name: str | None, role: str | None, add: bool, store: KeyStore) -> None:
    """Allow a client's key; the collector takes it in within a second."""
    wanted = _wanted(what, name, role, store)
    granted = store.grants()
    for other, (_, taken) in granted.items():
        if other != wanted.name and wanted.public_key in taken:
            raise ConfigError(f"this key is allowed as {other!r}: revoke that first")
    before = granted.get(wanted.name)
    public_keys = _together(wanted, before, add)
    store.grant(wanted.name, (wanted.role, public_keys))
    number = f", {len(public_keys)} keys" if len(public_keys) > 1 else ""
    click.echo(f"allowed: {wanted.name}, {wanted.role}{number}")
    click.echo(f"to end that: `llmmon keys revoke {wanted.name}{_where(store)}`")


class _Wanted(NamedTuple):
    name: str
    role: str
    public_key: str


def _wanted(what: str, name: str | None, role: str | None, store: KeyStore) -> _Wanted:
    if is_key(what):
        if name is None or role is None:
            raise click.UsageError("a public key needs --name and --role")
        return _Wanted(name, role, what)
    path = Path(what)
    client = store.client(path) if path.is_file() else store.client(store.client_path(what))
    if client is None:
        raise click.UsageError(
            f"{what!r} is no public key, no file, and no key in {store.directory}: "
            "make one with `llmmon keys new`"
        )
    return _Wanted(name or client.name, role or client.role, client.keys.public_key)


def _together(wanted: _Wanted, granted: Granted | None, add: bool) -> tuple[str, ...]:
    """The keys that ``wanted`` has from now on, with those that it has already."""
    role, before = granted or (wanted.role, ())
    if before in ((), (wanted.public_key,)):
        return (wanted.public_key,)
    if not add:
        raise ConfigError(
            f"{wanted.name!r} has another key: revoke it first, choose another --name, "
            "or let both be allowed for a while with --add"
        )
    if role != wanted.role:
        raise ConfigError(f"{wanted.name!r} is of the role {role}: revoke it first")
    public_keys = tuple(dict.fromkeys((*before, wanted.public_key)))
    if len(public_keys) > MAX_KEYS:
        raise ConfigError(f"{wanted.name!r} has {len(before)} keys: revoke old ones first")
    return public_keys


@keys.command()
@click.argument("name")
@click.option("--key", help="The beginning of the one key to revoke, of several.")
@_dir_option
def revoke(name: str, key: str | None, store: KeyStore) -> None:
    """End what NAME may do; who is connected is cut off within a second."""
    if key is None:
        store.revoke(name)
        click.echo(f"revoked: {name}")
        return
    role, keys = store.grants().get(name, ("", ()))
    kept = tuple(each for each in keys if not each.startswith(key))
    if len(keys) - len(kept) != 1:
        raise ConfigError(f"{len(keys) - len(kept)} keys of {name!r} begin with {key!r}, not one")
    if kept:
        store.grant(name, (role, kept))
    else:
        store.revoke(name)
    click.echo(f"revoked: one key of {name}, {len(kept)} left")


@keys.command()
@click.argument("name", required=False)
@click.option("--secret", is_flag=True, help="Print NAME's whole file, the secret key too.")
@_dir_option
def show(name: str | None, secret: bool, store: KeyStore) -> None:
    """Show the collector's public key and who is allowed; with NAME, that client's keys."""
    if name is not None:
        click.echo(_client_text(name, secret, store))
        return
    pair = store.server()
    public_key = "none: make it with `llmmon keys server`" if pair is None else pair.public_key
    click.echo(f"directory   {plain(store.directory)}\nserver_key  {public_key}\n")
    rows = [
        [granted_name, role, public]
        for granted_name, (role, publics) in store.grants().items()
        for public in publics
    ]
    click.echo(table(["allowed", "role", "public key"], rows) if rows else "nobody is allowed")
    allowed = {public for _, _, public in rows}
    waiting = [one for one in store.clients() if one.keys.public_key not in allowed]
    if waiting:
        click.echo(f"\nmade and not allowed: {', '.join(one.name for one in waiting)}")


def _client_text(name: str, secret: bool, store: KeyStore) -> str:
    path = store.client_path(name)
    client = store.client(path)
    if client is None:
        raise ConfigError(f"no key {name!r} in {store.directory}")
    told = {
        "file": str(path),
        "name": client.name,
        "role": client.role,
        "server_key": client.keys.server_key,
        "public_key": client.keys.public_key,
        "secret_key": client.keys.secret_key if secret else "not shown: ask with --secret",
    }
    return "\n".join(f"{field:<11} {plain(value)}" for field, value in told.items())
