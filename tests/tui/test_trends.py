from dataclasses import replace

from support.snapshots import window

from llmmon_tui.trends import COLUMNS, Trends

SECOND = 10**9


def test_one_sample_a_bucket_the_newest_last():
    trends, view = Trends(("error_rate",)), window(80)
    labels = view.groups[0].labels
    for second in range(200):
        group = replace(view.groups[0], metrics={"error_rate": second})
        trends.add(second * SECOND, replace(view, groups=(group,)))
    samples = trends.of(labels, "error_rate")
    assert len(samples) == COLUMNS
    assert samples[-2:] == [189, 199]


def test_what_is_not_tracked_or_not_there_has_none():
    trends = Trends(("error_rate",))
    trends.add(0, window(60))
    assert trends.of(window(60).groups[0].labels, "latency_p50") == []
    assert trends.of({"model": "other"}, "error_rate") == []


def test_another_window_and_clear_start_anew():
    trends = Trends(("error_rate",))
    labels = window(60).groups[0].labels
    trends.add(0, window(60))
    trends.add(60 * SECOND, window(60))
    assert len(trends.of(labels, "error_rate")) == 2
    trends.add(61 * SECOND, window(300))
    assert len(trends.of(labels, "error_rate")) == 1
    trends.clear()
    assert trends.of(labels, "error_rate") == []


def test_a_group_that_left_is_forgotten():
    trends, view = Trends(("error_rate",)), window(60)
    trends.add(0, view)
    trends.add(60 * SECOND, replace(view, groups=view.groups[1:]))
    assert trends.of(view.groups[0].labels, "error_rate") == []
