"""The zone that clocks are shown in."""

import os
import time
from datetime import datetime

import pytest

from llmmon_tui.zone import Zone

HOMES = ["Asia/Kolkata", "America/New_York"]


def hour():
    return datetime.fromtimestamp(1_795_500_000).strftime("%H:%M")


@pytest.mark.parametrize(("home", "shown"), zip(HOMES, ["11:30", "01:00"], strict=True))
def test_there_and_back(monkeypatch, home, shown):
    monkeypatch.setenv("TZ", home)
    time.tzset()
    zone = Zone()
    assert hour() == shown
    zone.show(utc=True)
    assert hour() == "06:00"
    zone.show(utc=True)
    zone.show(utc=False)
    assert (hour(), os.environ["TZ"]) == (shown, home)


def test_a_process_without_a_zone_of_its_own_gets_none(monkeypatch):
    monkeypatch.delenv("TZ")
    time.tzset()
    before, zone = hour(), Zone()
    zone.show(utc=True)
    assert hour() == "06:00"
    zone.show(utc=False)
    assert "TZ" not in os.environ
    assert hour() == before
