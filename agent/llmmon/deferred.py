"""What ``import llmmon`` does not load: imported when it is first needed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from llmmon.config import Config
    from llmmon.logs import StructuredLogger
    from llmmon.monitor import Monitor
    from llmmon.protocol.curve import CurveKeys
    from llmmon.results import FlushResult, Stats
    from llmmon.sending.courier import Courier
    from llmmon.sending.durable import Durable
    from llmmon.sending.sender import Sender


def resolve_config(arguments: Mapping[str, Any]) -> Config:
    """The settings from ``arguments`` and the environment; see ``llmmon.config.resolve``."""
    import os

    from llmmon.config import resolve

    return resolve(arguments, os.environ)


def environment_config() -> Config:
    """The settings of the environment; where they are wrong, says so once and uses defaults."""
    from llmmon.config import resolve
    from llmmon.errors import LlmmonError

    try:
        return resolve_config({})
    except LlmmonError as error:
        warn("settings of the environment ignored: %s", error)
        return resolve({}, {})


def read_key_file(path: str) -> CurveKeys:
    """The keys in a client's key file; see ``llmmon.keyfile``. Loads tomllib."""
    from llmmon.keyfile import read_client_file

    return read_client_file(path).keys


def install_exits(monitor: Monitor) -> None:
    """See ``llmmon.exits.install``."""
    from llmmon.exits import install

    install(monitor)


def new_sender(monitor: Monitor) -> Sender:
    """A sender for the monitor's present epoch, not started."""
    from llmmon.native import patched
    from llmmon.sending.sender import Sender

    if patched():
        # importlib's locks are gevent's then: a thread must not import while another one does
        import importlib

        importlib.import_module("llmmon.sending.courier")
    return Sender(monitor)


def make_durable(monitor: Monitor) -> Durable | None:
    """See ``llmmon.sending.durable.make_durable``. Loads msgpack."""
    from llmmon.sending.durable import make_durable as make

    return make(monitor)


def new_courier(sender: Sender) -> Courier:
    """The work of the sender's thread. Loads zmq and msgpack."""
    from llmmon.sending.courier import Courier

    return Courier(sender)


def warn(message: str, *args: object) -> None:
    """A warning of llmmon's own, to the host's logging."""
    import logging

    logging.getLogger("llmmon").warning(message, *args)


def read_stats(monitor: Monitor) -> Stats:
    """See ``llmmon.accounts.read_stats``."""
    from llmmon.accounts import read_stats as read

    return read(monitor)


def flush_result(before: Stats, after: Stats) -> FlushResult:
    """See ``llmmon.accounts.flush_result``."""
    from llmmon.accounts import flush_result as result

    return result(before, after)


def update_wrapper(wrapper: Callable[..., Any], wrapped: Callable[..., Any]) -> None:
    """``functools.update_wrapper``."""
    import functools

    functools.update_wrapper(wrapper, wrapped)


def new_logger(
    monitor: Monitor, name: str, fields: Mapping[str, str | None], options: Mapping[str, Any]
) -> StructuredLogger:
    """See ``llmmon.logs.new_logger``."""
    from llmmon.logs import new_logger as new

    return new(monitor, name, fields, **options)


def public_type(name: str) -> object:
    """A class that ``llmmon`` exports under its own name, loaded when it is asked for.

    Raises:
        AttributeError: there is none of that name.
    """
    if name in ("FlushResult", "Stats"):
        from llmmon import results

        found: object = getattr(results, name)
        return found
    if name == "StructuredLogger":
        from llmmon.logs import StructuredLogger as Logger

        return Logger
    if name == "Request":
        from llmmon.tracking import Request

        return Request
    raise AttributeError(f"module 'llmmon' has no attribute {name!r}")
