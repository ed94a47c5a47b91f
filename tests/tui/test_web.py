import ast
import os
import socket
import subprocess
import sys
import textwrap

import pytest

from llmmon.errors import EndpointError
from llmmon_tui.web.guard import Site, loopback, refusal
from llmmon_tui.web.server import screen_arguments, serve

SITE = Site("127.0.0.1", 8642, "secret")


@pytest.mark.parametrize(
    ("host", "address"),
    [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "::1"), ("0:0::1", "::1")],
)
def test_loopback(host, address):
    assert loopback(host) == address


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "example.org", "", "127.0.0.1:80"])
def test_nothing_else_is_served(host):
    with pytest.raises(EndpointError, match="expected a loopback address"):
        serve([], host=host)


def test_addresses():
    assert SITE.address == "http://127.0.0.1:8642/?key=secret"
    assert Site("::1", 8642, "k").origin == "http://[::1]:8642"
    assert Site("127.0.0.1", 80, "k").origin == "http://127.0.0.1"
    assert "ws://127.0.0.1:8642" in SITE.policy


def test_keys():
    assert SITE.opens("secret")
    assert not any(SITE.opens(key) for key in (None, "", "secre", "secrets", "ключ"))


@pytest.mark.parametrize("host", ["127.0.0.1:8642", "localhost:8642"])
def test_own_requests_go_on(host):
    assert refusal(SITE, {"Host": host}, is_socket=False) is None
    own = {"Host": host, "Origin": f"http://{host}"}
    assert refusal(SITE, own, is_socket=True) is None


@pytest.mark.parametrize(
    ("headers", "is_socket", "reason"),
    [
        ({}, False, "Host ''"),
        ({"Host": "127.0.0.1"}, False, "Host '127.0.0.1': expected 127.0.0.1:8642"),
        ({"Host": "evil.example:8642"}, False, "Host"),
        ({"Host": "localhost.evil.example:8642"}, False, "Host"),
        ({"Host": "127.0.0.1:8642"}, True, "no Origin"),
        ({"Host": "127.0.0.1:8642", "Origin": "http://localhost:8642"}, True, "Origin"),
        ({"Host": "127.0.0.1:8642", "Origin": "https://127.0.0.1:8642"}, True, "Origin"),
        ({"Host": "127.0.0.1:8642", "Origin": "http://127.0.0.1:86420"}, True, "Origin"),
        ({"Host": "127.0.0.1:8642", "Origin": "null"}, False, "Origin"),
    ],
)
def test_foreign_requests_are_refused(headers, is_socket, reason):
    told = refusal(SITE, headers, is_socket=is_socket)
    assert told is not None
    assert told.startswith(reason)


def test_a_tab_has_the_same_command_line():
    given = ["--web", "--connect", "a b", "--port", "80", "--readonly", "--port=9", "--by", "route"]
    assert screen_arguments(given) == ["--connect", "a b", "--readonly", "--by", "route"]
    assert screen_arguments(["--port"]) == []


@pytest.mark.parametrize("missing", ["textual_serve", "aiohttp"])
def test_without_the_extra_it_says_what_to_install(missing):
    code = f"""
        import sys
        sys.modules[{missing!r}] = None
        sys.argv = ["llmmon-tui", "--web"]
        from llmmon_tui.cli import main
        main()
    """
    done = run(code)
    assert done.returncode == 2
    assert done.stderr == f"llmmon-tui needs {missing}: pip install 'llmmon[web]'\n"


def test_one_picture_is_no_page():
    done = run("from llmmon_tui.cli import main; main()", "--web", "--once")
    assert done.returncode == 2
    assert "--web and --once exclude each other" in done.stderr


def test_nothing_of_it_is_loaded_without_it():
    done = run("import llmmon_tui.app, sys; print([*sys.modules])")
    loaded = {name.partition(".")[0] for name in ast.literal_eval(done.stdout)}
    assert "textual" in loaded
    assert loaded.isdisjoint({"aiohttp", "jinja2", "textual_serve"})


@pytest.mark.parametrize("kind", [os.pipe, socket.socketpair])
def test_a_screen_is_there_as_long_as_what_feeds_it(kind):
    code = """
        import sys
        from llmmon_tui.terminal import is_gone
        print(is_gone(), flush=True)
        sys.stdin.read()
        print(is_gone())
    """
    theirs, ours = kind()
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
    )
    for end in (theirs, ours):
        if end is ours:
            assert child.stdout.readline() == "False\n"
        os.close(end) if isinstance(end, int) else end.close()
    assert child.communicate(timeout=60)[0] == "True\n"


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
