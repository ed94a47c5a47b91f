"""A snapshot arrives as it was built, and a wrong one is refused by name."""

from __future__ import annotations

import dataclasses

import pytest
from support.snapshots import busy_snapshot

from llmmon.errors import SchemaError, VersionError
from llmmon.protocol.codec import pack, unpack
from llmmon.protocol.snapshot import VERSION, as_dict, decode_snapshot, encode_snapshot


def test_snapshot_round_trip() -> None:
    snapshot = busy_snapshot()
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


def test_windows_are_found_by_length() -> None:
    snapshot = busy_snapshot()
    assert snapshot.window(300).window_s == 300
    with pytest.raises(KeyError):
        snapshot.window(7)


def test_another_version_is_named() -> None:
    newer = dataclasses.replace(busy_snapshot(), version=VERSION + 1)
    with pytest.raises(VersionError, match=f"version {VERSION + 1}"):
        decode_snapshot(encode_snapshot(newer))


@pytest.mark.parametrize("at", range(13))
def test_a_missing_field_is_refused(at: int) -> None:
    plain = unpack(encode_snapshot(busy_snapshot()))
    del plain[at]
    with pytest.raises((SchemaError, VersionError)):
        decode_snapshot(pack(plain))


def test_a_snapshot_reads_as_plain_dicts() -> None:
    plain = as_dict(busy_snapshot())
    assert plain["windows"][1]["window_s"] == 300
    group = busy_snapshot().windows[1].groups[0]
    assert plain["windows"][1]["groups"][0] == {"labels": group.labels, "metrics": group.metrics}
    assert plain["ingest"]["events_lost"] == {"queue_full": 2}
