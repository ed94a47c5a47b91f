"""A database that must answer a query. Plain function: drivers block."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import SqlCheck
from llmmon_collector.health.outcome import Outcome, describe_error, judge
from llmmon_collector.secret import read_secret


def _libpq(timeout_s: float) -> dict[str, Any]:
    whole_s = math.ceil(timeout_s)
    return {
        "connect_timeout": whole_s,
        "tcp_user_timeout": round(timeout_s * 1000),
        "keepalives_idle": whole_s,
        "keepalives_interval": whole_s,
        "keepalives_count": 2,
    }


def _pymysql(timeout_s: float) -> dict[str, Any]:
    whole_s = math.ceil(timeout_s)
    return {"connect_timeout": whole_s, "read_timeout": whole_s, "write_timeout": whole_s}


def _no_bounds(_timeout_s: float) -> dict[str, Any]:
    return {}


_BOUNDS: Final[Mapping[str, Callable[[float], dict[str, Any]]]] = MappingProxyType(
    {"psycopg": _libpq, "psycopg2": _libpq, "pymysql": _pymysql}
)
"""By driver, what makes a thread end whose server is gone: nothing else can end it."""


def check(spec: SqlCheck, context: CheckContext) -> Outcome:
    """Milliseconds to connect and read the first row."""
    try:
        alchemy = import_module("sqlalchemy")
    except ImportError:
        return Outcome("unknown", message="SQLAlchemy is missing: install llmmon[sql]")
    started_ns = context.clock.mono_ns()
    named = spec.dsn.startswith(("env:", "file:/"))
    dsn = read_secret(spec.dsn, context.environ) if named else spec.dsn
    try:
        url = alchemy.make_url(dsn)
        bounds = _BOUNDS.get(url.get_driver_name(), _no_bounds)(spec.timeout_s)
        chosen = {key: value for key, value in bounds.items() if key not in url.query}
        engine = alchemy.create_engine(url, poolclass=alchemy.pool.NullPool, connect_args=chosen)
    except alchemy.exc.ArgumentError:
        return Outcome("failing", message="dsn is not an SQLAlchemy URL: write dialect://host/name")
    except ImportError as error:
        return Outcome("failing", message=f"the database's driver is missing: {error.name}")
    try:
        with engine.connect() as connection:
            connection.execute(alchemy.text(spec.query)).first()
    except alchemy.exc.DBAPIError as error:
        # the driver's own words: SQLAlchemy's hold the statement and a link
        return Outcome("failing", message=describe_error(error.orig or error))
    finally:
        engine.dispose()
    took_ms = (context.clock.mono_ns() - started_ns) / 1e6
    return judge(took_ms, "ms", (spec.warn_ms, spec.fail_ms), "answers")
