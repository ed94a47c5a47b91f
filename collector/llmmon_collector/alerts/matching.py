"""Which alerts are meant: names with the values, or globs of values, that they must have. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from functools import lru_cache
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

from llmmon.protocol.names import DIMENSIONS
from llmmon_collector.rules.grammar import nearest

LABELS: Final = (*DIMENSIONS, "check", "type", "slo", "budget")
"""Every label that an alert can have."""
NAMES: Final = ("rule", "severity", *LABELS)
"""What can be matched."""
MAX_GLOB: Final = 256


def check_name(name: str) -> str:
    """``name``, when it is one of ``NAMES``.

    Raises:
        ValueError: it is not; names the nearest.
    """
    if name not in NAMES:
        hint = nearest(name, NAMES) or f": use one of {', '.join(NAMES)}"
        raise ValueError(f"{name!r} cannot be matched{hint}")
    return name


def check_label(name: str) -> str:
    """``name``, when it is one of ``LABELS``.

    Raises:
        ValueError: it is not; names the nearest.
    """
    if name not in LABELS:
        hint = nearest(name, LABELS) or f": use some of {', '.join(LABELS)}"
        raise ValueError(f"{name!r} is no label of an alert{hint}")
    return name


def _listed(value: object) -> object:
    """One glob as a list of one, so that both can be written."""
    if not isinstance(value, dict):
        return value
    return {name: [globs] if isinstance(globs, str) else globs for name, globs in value.items()}


def _check(matchers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    for name, globs in matchers.items():
        check_name(name)
        if not globs:
            raise ValueError(f"{name}: give a value, or leave it out")
        if any(len(glob) > MAX_GLOB for glob in globs):
            raise ValueError(f"{name}: a value has at most {MAX_GLOB} characters")
    return matchers


Matchers = Annotated[dict[str, tuple[str, ...]], BeforeValidator(_listed), AfterValidator(_check)]
"""Names to globs (``*``, ``?``, ``[abc]``; case counts). In TOML a single glob needs no list."""


def matches(matchers: Mapping[str, tuple[str, ...]], labels: Mapping[str, str]) -> bool:
    """Whether every name of ``matchers`` is in ``labels`` with a value that one glob fits.

    A label that is missing fits nothing, not even ``*``. ``labels`` holds ``rule`` and ``severity``
    too.
    """
    for name, globs in matchers.items():
        value = labels.get(name)
        if value is None or not any(_compiled(glob)(value) for glob in globs):
            return False
    return True


@lru_cache(1024)
def _compiled(glob: str) -> Callable[[str], object]:
    return re.compile(translate(glob)).match
