"""Settings of the agent: an argument of ``init``, else a ``LLMMON_*`` variable, else a default."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from llmmon import deferred
from llmmon.errors import ConfigError, EndpointError
from llmmon.protocol.curve import CurveKeys, is_key
from llmmon.protocol.endpoint import (
    ENDPOINT_VARIABLE,
    Address,
    default_address,
    parse_address,
)

SCORERS: Final = ("simple", "seed", "none")
"""Sets of text scorers; ``none`` turns scoring off."""

SPOOL_OFF: Final = "off"
"""As ``spool_dir``: nothing is written to disk."""

_MAX_NAME: Final = 256
_SPOOL_BYTES: Final = 256 << 20
_LEAST_SPOOL_BYTES: Final = 1 << 16
_KEY_SETTINGS: Final = ("key_file", *CurveKeys._fields)
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


class Config(NamedTuple):
    """All settings, valid."""

    service: str
    environment: str
    address: Address
    host: str
    capture_content: bool = False
    """Whether query, response and context leave the process, redacted."""
    scorers: str = "simple"
    score_cpu_share: float = 0.05
    """Share of one core that text scoring may take before it samples."""
    flush_interval_s: float = 1.0
    handle_sigterm: bool = True
    keys: CurveKeys | None = None
    """For a collector over TCP; one at ``ipc://`` asks for none."""
    spool_dir: str | None = None
    """Where spools lie; None for nowhere."""
    spool_max_bytes: int = _SPOOL_BYTES
    """For all processes of the service together."""
    durable: bool = False
    """Whether every event is in the spool before its recording call returns."""


def resolve(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """The settings from ``arguments`` (None where not given) and ``environ``.

    Raises:
        ConfigError: a value is of the wrong kind or out of range; names it.
        EndpointError: the endpoint is not an address.
    """

    def setting(name: str, default: Any, read: Callable[[Any], Any]) -> Any:
        value = arguments.get(name)
        key = name
        if value is None:
            key = f"LLMMON_{name.upper()}"
            value = environ.get(key) or default
        try:
            return read(value)
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error), key=key) from None

    config = Config(
        service=setting("service", _program(), _name),
        environment=setting("environment", "development", _name),
        address=_address(arguments.get("endpoint"), environ),
        host=socket.gethostname()[:_MAX_NAME],
        capture_content=setting("capture_content", False, _switch),
        scorers=setting("scorers", "simple", _scorers),
        score_cpu_share=setting("score_cpu_share", 0.05, _share),
        flush_interval_s=setting("flush_interval_s", 1.0, _interval),
        handle_sigterm=setting("handle_sigterm", True, _switch),
        keys=_keys(arguments, environ),
        spool_dir=setting("spool_dir", _state_home(environ), _directory),
        spool_max_bytes=setting("spool_max_bytes", _SPOOL_BYTES, _spool_bytes),
        durable=setting("durable", False, _switch),
    )
    if config.durable and config.spool_dir is None:
        raise ConfigError(f"needs a spool, and spool_dir is {SPOOL_OFF!r}", key="durable")
    return config


def _program() -> str:
    name = os.path.basename(sys.argv[0] if sys.argv else "")
    return _as_unicode(name.removesuffix(".py").lstrip("-")[:_MAX_NAME]) or "python"


def _address(argument: Any, environ: Mapping[str, str]) -> Address:
    if argument is not None:
        return parse_address(str(argument))
    try:
        return parse_address(default_address(environ, os.getuid(), tempfile.gettempdir()))
    except EndpointError as error:
        raise EndpointError(f"{ENDPOINT_VARIABLE}: {error}") from None


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME:
        raise ValueError(f"expected text of 1 to {_MAX_NAME} characters, got {value!r}")
    if _as_unicode(value) != value:
        raise ValueError(f"expected text that UTF-8 can hold, got {value!r}")
    return value


def _as_unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(f"expected true or false, got {value!r}")
    return text in _TRUE


def _scorers(value: Any) -> str:
    if value not in SCORERS:
        raise ValueError(f"expected one of {', '.join(SCORERS)}, got {value!r}")
    return str(value)


def _share(value: Any) -> float:
    share = float(value)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"expected a share of one core from 0 to 1, got {value!r}")
    return share


def _interval(value: Any) -> float:
    interval_s = float(value)
    if not 0.01 <= interval_s <= 60.0:
        raise ValueError(f"expected 0.01 to 60 seconds, got {value!r}")
    return interval_s


def _state_home(environ: Mapping[str, str]) -> str:
    told = environ.get("XDG_STATE_HOME", "")
    home = environ.get("HOME") or os.path.expanduser("~")
    state = told if os.path.isabs(told) else os.path.join(home, ".local", "state")
    return os.path.join(state, "llmmon", "spool")


def _directory(value: Any) -> str | None:
    path = os.fspath(value)
    if not isinstance(path, str) or "\0" in path:
        raise ValueError(f"expected a directory or {SPOOL_OFF!r}, got {value!r}")
    return None if path == SPOOL_OFF else os.path.abspath(os.path.expanduser(path))


def _spool_bytes(value: Any) -> int:
    size = int(value)
    if size < _LEAST_SPOOL_BYTES:
        raise ValueError(f"expected {_LEAST_SPOOL_BYTES} bytes or more, got {value!r}")
    return size


def _keys(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> CurveKeys | None:
    """The keys that the arguments name, else those that the environment names."""
    variables = {name: environ.get(f"LLMMON_{name.upper()}") for name in _KEY_SETTINGS}
    for settings, spell in ((arguments, str), (variables, lambda name: f"LLMMON_{name.upper()}")):
        file, *keys = [str(settings.get(name) or "") for name in _KEY_SETTINGS]
        names = ", ".join(spell(name) for name in CurveKeys._fields)
        if file and any(keys):
            raise ConfigError(f"{spell('key_file')}: name it or give {names}, not both")
        if file:
            return deferred.read_key_file(file)
        if any(keys):
            if not all(is_key(key) for key in keys):
                raise ConfigError(f"{names}: expected all three, 40 characters of Z85 each")
            return CurveKeys(*keys)
    return None
