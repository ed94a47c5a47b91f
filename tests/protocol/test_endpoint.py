"""One address, three sockets, and a default that belongs to the user."""

from __future__ import annotations

import pytest

from llmmon.errors import EndpointError
from llmmon.protocol.endpoint import default_address, parse_address


def test_a_directory_holds_three_sockets() -> None:
    address = parse_address("ipc:///run/llmmon/")
    assert address.text == "ipc:///run/llmmon"
    assert address.ingest == "ipc:///run/llmmon/ingest.sock"
    assert address.snapshots == "ipc:///run/llmmon/snapshots.sock"
    assert address.control == "ipc:///run/llmmon/control.sock"
    assert address.directory == "/run/llmmon"
    assert address.is_local


def test_a_port_takes_the_two_above_it() -> None:
    address = parse_address("tcp://10.0.0.7:9400")
    assert (address.ingest, address.snapshots, address.control) == (
        "tcp://10.0.0.7:9400",
        "tcp://10.0.0.7:9401",
        "tcp://10.0.0.7:9402",
    )
    assert address.directory is None
    assert not address.is_local


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_local(host: str) -> None:
    assert parse_address(f"tcp://{host}:9400").is_local


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://x:1",
        "ipc://relative",
        "ipc://" + "/x" * 60,
        "tcp://host",
        "tcp://:9400",
        "tcp://host:0",
        "tcp://host:65534",
        "tcp://host:port",
        "tcp://[::1]:9400",
        "tcp://two words:9400",
        "tcp://a/b:9400",
    ],
)
def test_a_bad_address_is_named(text: str) -> None:
    with pytest.raises(EndpointError, match=r"expected|longer"):
        parse_address(text)


def test_the_default_follows_the_environment() -> None:
    given = {"LLMMON_ENDPOINT": "tcp://c:9400", "XDG_RUNTIME_DIR": "/run/user/7"}
    assert default_address(given, 7, "/tmp") == "tcp://c:9400"
    assert default_address({"XDG_RUNTIME_DIR": "/run/user/7/"}, 7, "/tmp") == (
        "ipc:///run/user/7/llmmon"
    )
    assert default_address({}, 7, "/tmp/") == "ipc:///tmp/llmmon-7"
