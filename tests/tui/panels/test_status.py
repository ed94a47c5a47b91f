"""The first two rows and the last one."""

from dataclasses import replace

import pytest
from support.pictures import model_of, picture_of
from support.snapshots import (
    AT_NS,
    alert,
    busy_snapshot,
    channel,
    empty_snapshot,
    failing_channel,
    ingest,
)

from llmmon_tui.drawing.lines import line_text
from llmmon_tui.drawing.priority import status_line
from llmmon_tui.keys import KEYS
from llmmon_tui.panels.footer import footer_line
from llmmon_tui.panels.trust import trust_line
from llmmon_tui.panels.worst import loudest, worst_line
from llmmon_tui.view import View

SECOND = 10**9


def text(segments, width=200):
    return line_text(status_line(segments, width)).strip()


def trust(picture, width=200):
    return text(trust_line(picture), width)


def worst(picture, width=200, can_act=True):
    return text(worst_line(picture, width, can_act), width)


def calm(**changes):
    return busy_snapshot(**({"alerts": ()} | changes))


def test_live():
    line = trust(picture_of(busy_snapshot(note="replay: Azure arrivals")))
    for part in ("● LIVE", "prod-eu", "replay: Azure arrivals", "age 0.0s", "41.2 ev/s", "lost 2"):
        assert part in line
    assert " 5m  by model " in line
    assert line.endswith("06:00:00  ? help")


def test_what_matters_most_stays_when_the_line_is_short():
    picture = picture_of(busy_snapshot())
    assert trust(picture, 40).split("  ")[0] == "● LIVE"
    assert "age 0.0s" in trust(picture, 40)
    assert trust(picture, 8) == "● LIVE"


@pytest.mark.parametrize(
    ("after_s", "glyph", "ink"), [(4, "▲ STALE", "warning"), (11, "✖ STALE", "critical")]
)
def test_stale(after_s, glyph, ink):
    segments = trust_line(picture_of(busy_snapshot(), after_s=after_s))
    assert any(one.text == glyph and one.ink == ink for one in segments)
    assert any(one.text.startswith("age") and one.ink == ink for one in segments)
    assert "41.2" not in text(segments)


def test_connecting_names_the_address():
    picture = picture_of(None)
    assert "○ CONNECTING  tcp://collector:5557" in trust(picture)
    assert worst(picture) == "connecting to tcp://collector:5557"


def test_no_answer_tells_the_next_try():
    model = model_of(None)
    model.lose("no answer", 2, AT_NS + 4 * SECOND)
    assert worst(model.picture(AT_NS)).startswith("no answer  next try in 4s (r: now)  try 3")
    assert "trying now" in worst(model.picture(AT_NS + 5 * SECOND))
    assert "llmmon-collector" in worst(model.picture(AT_NS))


def test_reconnecting_does_not_claim_to_know():
    model = model_of(calm())
    model.lose("no answer", 1, AT_NS + SECOND)
    assert "✖ RECONNECTING" in trust(model.picture(AT_NS))
    assert "clear" not in worst(model.picture(AT_NS))


def test_version_mismatch():
    model = model_of(busy_snapshot())
    model.mismatch("protocol version 2, expected 1: upgrade the older side", AT_NS)
    picture = model.picture(AT_NS)
    assert "✖ VERSION MISMATCH" in trust(picture)
    assert "upgrade the older side" in worst(picture)


def test_paused():
    model = model_of(busy_snapshot())
    model.toggle_pause(AT_NS)
    model.arrive(busy_snapshot(seq=5000, at_ns=AT_NS + 27 * SECOND), 0, AT_NS + 27 * SECOND)
    assert "‖ PAUSED 06:00:00 +27s" in trust(model.picture(AT_NS + 27 * SECOND))
    model.lose("no answer", 1, AT_NS)
    assert "(reconnecting)" in trust(model.picture(AT_NS + 27 * SECOND))


def test_choices_that_hide_something_are_shown():
    view = View(window_s=3600, filter="gpt err>5%", where={"model": "gpt-4o"})
    line = trust(picture_of(busy_snapshot(), view), 80)
    for part in ("1h", "› gpt-4o", "/gpt err>5%"):
        assert part in line


def test_missed_snapshots_are_told():
    model = model_of(None)
    model.arrive(busy_snapshot(), 3, AT_NS)
    assert "missed 3" in trust(model.picture(AT_NS))


def test_foreign_text_is_harmless():
    picture = picture_of(busy_snapshot(name="\x1b[31mevil[/]", problems=("bad \x07 [rule]",)))
    assert text(trust_line(picture)).isprintable()
    assert text(worst_line(picture, 200)).isprintable()


def test_the_worst_alert_first_with_its_limit_and_age():
    line = worst(picture_of(busy_snapshot()))
    assert line.startswith("✖ CRIT high_error_rate  7.2% > 5%  openai/gpt-4o  3m12s  [a]ck")
    assert "▲ WARN low_quality  0.66 < 0.7  11m" in line


def test_an_alert_that_has_no_room_is_counted():
    assert worst(picture_of(busy_snapshot()), 80).endswith("[a]ck  +1 more")


def test_no_acknowledge_key_for_readers():
    assert "[a]ck" not in worst(picture_of(busy_snapshot()), can_act=False)


def test_the_newest_alerts_break_through_a_pause():
    model = model_of(calm())
    model.toggle_pause(AT_NS)
    model.arrive(busy_snapshot(seq=5000), 0, AT_NS)
    assert "high_error_rate" in worst(model.picture(AT_NS))


def test_handled_alerts_are_counted_not_shouted():
    alerts = (
        alert(acknowledged_by="ops"),
        alert(id="b", silenced_until_ns=AT_NS + SECOND),
        alert(id="c", state="pending"),
        alert(id="d", state="resolved", resolved_ns=AT_NS),
        alert(id="e", inhibited_by="critical_latency"),
    )
    line = worst(picture_of(calm(alerts=alerts)))
    assert line.startswith("✓ no new alert")
    for part in ("1 pending", "1 ack", "1 silenced", "1 inhib"):
        assert part in line
    assert loudest(calm(alerts=alerts)) is None


def test_what_nobody_has_taken_on_goes_on_shouting():
    alerts = (alert(flapping=True, muted_until_ns=AT_NS + 3 * 3600 * SECOND),)
    line = worst(picture_of(calm(alerts=alerts)))
    assert line.startswith("✖ CRIT high_error_rate")
    assert "flapping, quiet 3h" in line
    assert loudest(calm(alerts=alerts)) is not None


def test_a_channel_that_fails_is_told_with_what_waits():
    channels = (failing_channel("slack"), failing_channel("mail"), channel("pager"))
    line = worst(picture_of(busy_snapshot(channels=channels)))
    assert line.startswith("✖ channel slack fails, 3 waiting 5m10s +1  ✖ CRIT high_error_rate")
    calm_line = worst(picture_of(calm(channels=channels)))
    assert "clear" not in calm_line
    assert "no alert" in calm_line


def test_one_failed_attempt_is_a_hiccup():
    hiccup = failing_channel(failing_attempts=1, waiting=1, oldest_ns=AT_NS - SECOND)
    assert "channel" not in worst(picture_of(busy_snapshot(channels=(hiccup,))))


def test_no_data():
    line = worst(picture_of(calm(alerts=(alert(no_data=True, value=None),))))
    assert "no data, 5%" in line


def test_all_clear_names_a_check_that_is_not():
    assert "▲ check disk" in worst(picture_of(calm()))
    healthy = tuple(replace(one, status="ok") for one in busy_snapshot().health)
    assert "6 checks ok" in worst(picture_of(calm(health=healthy)))


def test_problems_of_the_collector_come_first():
    line = worst(picture_of(busy_snapshot(problems=("rules/x.toml:3: unknown key",))))
    assert line.startswith("✖ collector: rules/x.toml:3: unknown key")
    assert "all clear" not in worst(picture_of(calm(problems=("disk full",))))


def test_old_data_is_never_all_clear():
    assert "not known" in worst(picture_of(calm(), after_s=5))


def test_no_events_yet():
    assert "try `llmmon demo`" in worst(picture_of(empty_snapshot(), rows=False))


def test_the_footer_shows_the_keys_that_are_valid():
    picture = picture_of(busy_snapshot())
    everything = text(footer_line(picture, lambda key: True, "alerts"))
    for part in ("q quit", "? help", "space pause", "enter details", "a ack", "m mute"):
        assert part in everything
    reader = text(footer_line(picture, lambda key: not key.acts))
    assert "a ack" not in reader
    assert "enter" not in reader


def test_the_footer_says_how_to_go_back():
    model = model_of(busy_snapshot(), View(filter="gpt"))
    model.toggle_pause(AT_NS)
    line = text(footer_line(model.picture(AT_NS), lambda key: True))
    assert "space resume" in line
    assert "esc back" in line


def test_every_key_has_its_words():
    assert len({key.action for key in KEYS}) == len(KEYS)
    assert all(key.label and key.meaning and key.spelled for key in KEYS)


def test_losses_are_zero_or_counted():
    quiet = busy_snapshot(ingest=ingest(events_lost={}))
    assert "lost 0" in trust(picture_of(quiet))
