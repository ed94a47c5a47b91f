"""Answers to probes as Kubernetes' own servers give them: ``ok``, or a line a check. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from llmmon.protocol.snapshot import HealthView


@dataclass(frozen=True, slots=True)
class Asked:
    """What the reader wants, and may have."""

    verbose: bool = False
    exclude: Collection[str] = ()
    """Checks to leave out."""
    near: bool = True
    """Whether the reader is on this machine; reasons are not for others."""


def probe_text(probe: str, problems: Mapping[str, str], asked: Asked) -> tuple[str, int]:
    """The text and the HTTP status of ``probe``.

    ``problems`` is a check's reason to fail by its name, empty where it does not.
    """
    kept = {name: why for name, why in problems.items() if name not in asked.exclude}
    failed = any(kept.values())
    if not failed and not asked.verbose:
        return "ok", 200
    lines = [_line(name, why, asked) for name, why in problems.items()]
    lines += unmatched(asked.exclude, problems)
    lines.append(f"{probe} check {'failed' if failed else 'passed'}")
    return "\n".join(lines), 503 if failed else 200


def one_text(why: str, asked: Asked) -> tuple[str, int]:
    """The text and the HTTP status of one check."""
    if not why:
        return "ok", 200
    return (why if asked.near else "failed: reason withheld"), 503


def health_text(overall: str, views: Iterable[HealthView], asked: Asked) -> str:
    """A line a health check, for readers on this machine; others get the last line only."""
    word = "failed" if overall == "failing" else "passed"
    shown = tuple(views) if asked.near else ()
    lines = [_health_line(view, asked) for view in shown]
    if asked.near:
        lines += unmatched(asked.exclude, {view.name for view in shown})
    return "\n".join([*lines, f"healthz check {word}"])


def unmatched(exclude: Collection[str], names: Collection[str]) -> list[str]:
    """A warning when ``exclude`` names checks that there are not."""
    missing = sorted(set(exclude) - set(names))
    named = ", ".join(f'"{name}"' for name in missing)
    return [f"warn: some checks cannot be excluded: no matches for {named}"] if missing else []


def _line(name: str, why: str, asked: Asked) -> str:
    if name in asked.exclude:
        return f"[+]{name} excluded: ok"
    if not why:
        return f"[+]{name} ok"
    return f"[-]{name} failed: {why if asked.near else 'reason withheld'}"


def _health_line(view: HealthView, asked: Asked) -> str:
    if view.name in asked.exclude:
        return f"[+]{view.name} excluded: ok"
    marks = [word for word in ("critical", "flapping", "slow") if getattr(view, word)]
    about = f" ({', '.join(marks)})" if marks else ""
    sign = "-" if view.status == "failing" else "+"
    line = f"[{sign}]{view.name} {view.status}{about}"
    return f"{line}: {view.message}" if view.message else line
