"""Notes on a picture of the past."""

from datetime import datetime

from support.pictures import model_of, picture_of
from support.snapshots import AT_NS, busy_snapshot

from llmmon_tui.drawing.lines import line_text
from llmmon_tui.panels.collectorlines import PRESENT, collector_lines
from llmmon_tui.panels.health import health_rows
from llmmon_tui.panels.healthboard import empty_text, verdict
from llmmon_tui.panels.pastnotes import past_notes, unknown_text
from llmmon_tui.panels.worst import worst_line

BEGINS = "the store begins at 2026-03-01 12:30:00 UTC: of this time nothing is known"
ENDS = "windows end at 2026-03-01 12:30:00 UTC, the last whole minute"


def past(*problems, **changes):
    model = model_of(busy_snapshot())
    at_ns = AT_NS - 600 * 10**9
    model.travel(busy_snapshot(at_ns=at_ns, problems=problems, **changes), [], AT_NS)
    return model.picture(AT_NS)


def local():
    told = datetime.fromisoformat("2026-03-01T12:30:00+00:00").astimezone()
    return told.strftime("%H:%M:%S")


def test_instants_are_told_in_the_viewers_time():
    (note,) = past_notes(past(ENDS))
    assert note.endswith(f"{local()}, the last whole minute")
    assert "UTC" not in note
    odd = "windows end at 2026-99-99 12:30:00 UTC"
    assert past_notes(past(odd)) == (odd,)
    assert past_notes(picture_of(busy_snapshot(problems=(ENDS,)))) == ()
    assert past_notes(picture_of(None)) == ()


def test_before_anything_was_stored():
    assert unknown_text(past(ENDS)) == ""
    told = unknown_text(past(BEGINS))
    assert told.startswith("nothing is stored before ")
    assert told.endswith(local())
    none = "the store has no requests: of this time nothing is known"
    assert unknown_text(past(none)) == "nothing is stored yet"


def test_they_are_no_trouble():
    shown = past(ENDS)
    lines = collector_lines(shown, 90)
    assert {ink for line in lines for _, ink in line} <= {"muted", "plain"}
    assert line_text(lines[-1]).strip() == PRESENT
    (note,) = past_notes(shown)
    for segments in (worst_line(shown, 200), verdict(shown)):
        assert [one.ink for one in segments if one.text == note] == ["muted"]


def test_what_is_only_known_of_the_present_is_left_out():
    assert all(row.key.startswith(("check:", "detail:")) for row in health_rows(past()))
    unchecked = past(health=())
    assert empty_text(unchecked) == "not known of that time"
    assert verdict(unchecked)[0].text == "checks are not known of that time"
