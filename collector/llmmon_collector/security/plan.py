"""Whether an address asks for keys; an operator who has none is told how to make them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from llmmon.errors import ConfigError
from llmmon.protocol.endpoint import Address
from llmmon.protocol.keyfile import default_keys_dir
from llmmon_collector.security.files import read_server_pair
from llmmon_collector.security.live import LiveKeys
from llmmon_collector.security.model import SecuritySettings


def keys_for(
    address: Address, settings: SecuritySettings, environ: Mapping[str, str]
) -> LiveKeys | None:
    """The keys that ``address`` asks its peers for; None where it asks for none.

    ``ipc://`` never does. Loopback TCP does where there is a server key, or as ``curve`` says.
    TCP that other machines reach always does.

    Raises:
        ConfigError: keys are needed and not there, or the server key cannot be used.
    """
    if address.directory is not None:
        return None
    if settings.curve is False:
        if not address.is_local:
            raise open_to_others(address, "security.curve = false goes with loopback only")
        return None
    default = Path(default_keys_dir(environ))
    directory = Path(settings.keys_dir) if settings.keys_dir else default
    # part of commands that an operator can copy
    where = "" if directory == default else f" --dir {directory}"
    pair = read_server_pair(directory)
    if pair is None:
        if address.is_local and settings.curve is None:
            return None
        raise open_to_others(address, f"run `llmmon keys server{where}`, then {_allow(where)}")
    keys = LiveKeys(directory, pair)
    if not address.is_local and not len(keys.keyring):
        reasons = "".join(f"; {problem}" for problem in keys.problems)
        raise open_to_others(address, f"no key is allowed yet: run {_allow(where)}{reasons}")
    return keys


def _allow(where: str) -> str:
    return f"`llmmon keys new NAME{where}` for each client and `llmmon keys allow NAME{where}`"


def open_to_others(address: Address, mend: str = "run `llmmon keys server`") -> ConfigError:
    """The error of an address that needs keys; ``mend`` says how to get them."""
    if address.is_local:
        reason = f"{address} is to ask for keys: {mend}; or leave out `curve` of [security]"
        return ConfigError(reason, key="security.curve")
    return ConfigError(
        f"{address} can be reached from other machines, so it needs keys: {mend}; or listen on "
        "ipc://DIR or tcp://127.0.0.1:PORT, and tunnel with ssh -L where viewers are elsewhere",
        key="listen",
    )
