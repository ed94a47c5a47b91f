"""One collector or several, as the command line asks for."""

import json

import pytest
from click.testing import CliRunner
from support.fleet import tell_parts
from support.keys import Keys
from support.snapshots import AT_NS, busy_snapshot
from support.viewer_app import Clock, app_of, painted, screen_text, serve_all, until
from support.viewer_peer import ViewerPeer

from llmmon_tui.command import llmmon_tui
from llmmon_tui.connecting import connect
from llmmon_tui.connection import Connection
from llmmon_tui.feed import Timing
from llmmon_tui.fleet.connection import FleetConnection
from llmmon_tui.options import Options

QUICK = Timing(silence_s=0.5, answer_s=2.0, retry_s=0.05, longest_retry_s=0.1)
TCP = ("--connect", "tcp://127.0.0.1:5701", "--connect", "tcp://127.0.0.1:5801")


@pytest.fixture
def peers(tmp_path):
    names = ("eu", "us")
    folders = [tmp_path / name for name in names]
    for folder in folders:
        folder.mkdir()
    with ViewerPeer(f"ipc://{folders[0]}") as first, ViewerPeer(f"ipc://{folders[1]}") as second:
        for peer, name in zip((first, second), names, strict=True):
            serve_all(peer, busy_snapshot(name=name))
            tell_parts(peer, {"gpt-4o": [1000.0, 2000.0]})
        yield first, second


def shows(pilot, *parts):
    whole = "\n".join(screen_text(pilot))
    return all(part in whole for part in parts)


async def test_one_address_is_one_connection(peers):
    connection = connect(Options(peers[0].address), print, lambda: AT_NS)
    assert isinstance(connection, Connection)
    assert connection.states() == ()
    await connection.close()


async def test_several_are_a_fleet(peers):
    first, second = peers
    options = Options(first.address, others=((second.address, None),))
    connection = connect(options, print, lambda: AT_NS)
    assert isinstance(connection, FleetConnection)
    assert [state.address for state in connection.states()] == [
        first.address.text,
        second.address.text,
    ]
    await connection.close()


async def test_two_collectors_are_shown_as_one_and_who_leaves_is_named(peers):
    first, second = peers
    app = app_of(first.address, Clock(), QUICK, others=((second.address, None),))
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: app.picture.live and shows(pilot, "2 collectors"))
        await until(pilot, lambda: all(one.is_counted for one in app.picture.collectors))
        await pilot.press("w")
        await until(pilot, lambda: app.picture.window.window_s == 3600)
        await until(pilot, lambda: second.asked("parts")[-1]["window_s"] == 3600)
        second.hold |= {"snapshot", "parts"}

        def is_named():
            app.paint()
            return shows(pilot, "1/2 collectors", "us reconnecting")

        await until(pilot, is_named)
        await painted(pilot)
        assert shows(pilot, "1/2 collectors")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command, without a screen."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("LLMMON_KEY_FILE", raising=False)
    return lambda *arguments: CliRunner().invoke(llmmon_tui, ["--once", *arguments])


@pytest.fixture
def key_files(tmp_path):
    keys = Keys(tmp_path / "keys")
    names = ("one", "two", "three")
    for name in names:
        keys.new(name, "viewer")
    return [keys.file(name) for name in names]


def test_an_address_that_is_told_twice_is_one(run, peers):
    address = peers[0].address.text
    assert run("--connect", address, "--connect", address).exit_code == 0


def test_once_takes_one(run, peers):
    result = run(*(part for peer in peers for part in ("--connect", peer.address.text)))
    assert result.exit_code == 2
    assert "--once takes one --connect" in result.output


@pytest.mark.parametrize(("count", "is_fine"), [(0, True), (1, False), (2, True), (3, False)])
def test_a_key_for_each_address_over_tcp_or_none(run, key_files, tmp_path, count, is_fine):
    given = [part for file in key_files[:count] for part in ("--key-file", file)]
    result = run("--connect", f"ipc://{tmp_path}", *TCP, *given)
    assert result.exit_code == 2
    refusal = f"{count} --key-file for 2 addresses over tcp"
    assert (refusal in result.output) != is_fine
    assert ("--once takes one --connect" in result.output) == is_fine


def test_a_key_of_the_environment_does_not_hinder_a_socket_of_this_machine(
    run, peers, key_files, monkeypatch
):
    monkeypatch.setenv("LLMMON_KEY_FILE", key_files[0])
    assert run("--connect", peers[0].address.text).exit_code == 0


def test_choices_of_earlier_runs_are_the_defaults(run, peers, tmp_path):
    file = tmp_path / "llmmon" / "tui.json"
    file.parent.mkdir()
    text = json.dumps({"by": "route", "window_s": 3600})
    file.write_text(text)
    address = peers[0].address.text
    told = run("--connect", address)
    assert peers[0].asked("snapshot") == [{"by": "route"}]
    assert "1h  by route" in told.output
    run("--connect", address, "--by", "model")
    assert peers[0].asked("snapshot")[-1] == {"by": "model"}
    assert file.read_text() == text
