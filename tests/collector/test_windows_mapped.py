"""Zeros that take up memory as they are used."""

from __future__ import annotations

import resource

import numpy as np

from llmmon_collector.windows.mapped import mapped_zeros

A_MEBIBYTE = 1 << 18
"""Numbers in it."""


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def test_zeros_can_be_counted_in() -> None:
    zeros = mapped_zeros(10_000)
    assert zeros.dtype == np.int32
    assert not zeros.any()
    np.add.at(zeros, np.array([3, 9_999, 3]), np.ones(3, np.int32))
    assert (zeros[3], zeros[9_999], zeros.sum()) == (2, 1, 3)


def test_numbers_a_mebibyte_apart_share_no_page() -> None:
    zeros = mapped_zeros(64 * A_MEBIBYTE)
    before = page_faults()
    zeros[::A_MEBIBYTE] = 1
    assert page_faults() - before >= 64
