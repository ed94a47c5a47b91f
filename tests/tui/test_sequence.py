from support.snapshots import busy_snapshot

from llmmon_tui.sequence import Sequence


def test_news_repeats_and_gaps():
    sequence = Sequence()
    assert sequence.missed(busy_snapshot(seq=10)) == 0
    assert sequence.missed(busy_snapshot(seq=10)) is None
    assert sequence.missed(busy_snapshot(seq=9)) is None
    assert sequence.missed(busy_snapshot(seq=11)) == 0
    assert sequence.missed(busy_snapshot(seq=15)) == 3


def test_a_restarted_collector_counts_from_the_start():
    sequence = Sequence()
    sequence.missed(busy_snapshot(seq=500))
    assert sequence.missed(busy_snapshot(seq=1, started_ns=7)) == 0
    assert sequence.missed(busy_snapshot(seq=2, started_ns=7)) == 0
