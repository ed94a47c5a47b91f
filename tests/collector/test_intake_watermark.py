"""The disk is looked at once a second, and a full one is told plainly."""

from __future__ import annotations

import pytest

from llmmon_collector.intake.watermark import Space, Watermark

GIB = 1 << 30
SECOND = 10**9


class Disk:
    def __init__(self, free_bytes: int, total_bytes: int) -> None:
        self.space: Space | None = Space(free_bytes, total_bytes)
        self.looks = 0

    def __call__(self) -> Space:
        self.looks += 1
        if self.space is None:
            raise OSError(5, "Input/output error")
        return self.space


@pytest.mark.parametrize(
    ("free", "total", "min_free", "low"),
    [
        (GIB - 1, 100 * GIB, None, True),
        (GIB, 100 * GIB, None, False),
        (GIB // 2 - 1, 10 * GIB, None, True),
        (GIB // 2, 10 * GIB, None, False),
        (5 * GIB, 10 * GIB, 6 * GIB, True),
        (0, 10 * GIB, 0, False),
    ],
)
def test_the_least_is_a_share_of_the_disk_or_what_was_asked_for(
    free: int, total: int, min_free: int | None, low: bool
) -> None:
    watermark = Watermark(Disk(free, total), min_free)
    assert watermark.is_low(0) is low
    assert bool(watermark.problem) is low


def test_it_is_looked_at_once_a_second_and_recovers() -> None:
    disk = Disk(0, GIB)
    watermark = Watermark(disk)
    assert watermark.is_low(0)
    disk.space = Space(GIB, GIB)
    assert watermark.is_low(SECOND - 1)
    assert disk.looks == 1
    assert not watermark.is_low(SECOND)
    assert watermark.problem == ""


def test_a_disk_that_cannot_be_asked_is_left_to_the_journal() -> None:
    disk = Disk(0, GIB)
    disk.space = None
    assert not Watermark(disk).is_low(0)
