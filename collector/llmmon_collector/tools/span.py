"""Options that say which past instants are meant: ``--since``, ``--until`` and ``--step``."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final

import click

from llmmon_collector.clock import SystemClock
from llmmon_collector.duration import parse_duration
from llmmon_collector.tools.options import Command

_MINUTE_S: Final = 60
_MOST: Final = 1_000_000


def span_options(command: Command) -> Command:
    """The options, given to the command as ``times: range``, in nanoseconds since 1970."""

    @wraps(command)
    def with_times(*args: Any, since_ns: int, until_ns: int, step_s: float, **kwargs: Any) -> Any:
        return command(*args, times=_times(since_ns, until_ns, step_s), **kwargs)

    return _SINCE(_UNTIL(_STEP(with_times)))


def _instant(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """Callback: nanoseconds since 1970 of ``7d`` (ago) or of an ISO 8601 time, UTC if not said."""
    try:
        return SystemClock().wall_ns() - round(parse_duration(value) * 1e9)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        reason = f"{value!r}: expected how long ago, as in 7d, or a time, as in 2026-03-01T12:00"
        raise click.BadParameter(reason, ctx, param) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp()) * 10**9


def _step(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """Callback: seconds in ``1m``, ``5m``, ``1h``."""
    try:
        step_s = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    if step_s < _MINUTE_S or step_s % _MINUTE_S:
        raise click.BadParameter("expected whole minutes, as in 1m or 5m", ctx, param)
    return step_s


def _times(since_ns: int, until_ns: int, step_s: float) -> range:
    step_ns = round(step_s * 1e9)
    times = range(-(-since_ns // step_ns) * step_ns, until_ns + 1, step_ns)
    if not times:
        raise click.UsageError("nothing lies between --since and --until")
    if len(times) > _MOST:
        raise click.UsageError(f"{len(times):,} evaluations, at most {_MOST:,}: raise --step")
    return times


_SINCE: Final = click.option(
    "--since",
    "since_ns",
    metavar="WHEN",
    default="7d",
    show_default=True,
    callback=_instant,
    help="From when on: how long ago, or an ISO 8601 time.",
)
_UNTIL: Final = click.option(
    "--until",
    "until_ns",
    metavar="WHEN",
    default="0s",
    callback=_instant,
    help="Up to when. [default: now]",
)
_STEP: Final = click.option(
    "--step",
    "step_s",
    metavar="DURATION",
    default="1m",
    show_default=True,
    callback=_step,
    help="Between evaluations: whole minutes.",
)
