"""A database that must answer a query. Plain function: drivers block."""

from __future__ import annotations

from importlib import import_module

from llmmon_collector.health.context import CheckContext
from llmmon_collector.health.model import SqlCheck
from llmmon_collector.health.outcome import Outcome, describe_error, judge
from llmmon_collector.secret import read_secret


def check(spec: SqlCheck, context: CheckContext) -> Outcome:
    """Milliseconds to connect and read the first row."""
    try:
        alchemy = import_module("sqlalchemy")
    except ImportError:
        return Outcome("unknown", message="SQLAlchemy is missing: install llmmon[sql]")
    started_ns = context.clock.mono_ns()
    named = spec.dsn.startswith(("env:", "file:/"))
    dsn = read_secret(spec.dsn, context.environ) if named else spec.dsn
    engine = alchemy.create_engine(dsn, poolclass=alchemy.pool.NullPool)
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
