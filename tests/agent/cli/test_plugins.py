"""Commands of other rooms: found by entry point, loaded when called, given a way to ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmmon.protocol.endpoint import Address

PLUGIN = """
import click

@click.command()
@click.option("--connect")
@click.option("--key-file")
@click.pass_obj
def hello(host, connect, key_file):
    with host.control(connect, key_file) as control:
        click.echo(f"hello {control.call('status')['name']}")
"""


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A directory of installed packages with one that brings the commands hello and broken."""
    info = tmp_path / "greeting-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[llmmon.commands]\nhello = greeting:hello\nbroken = nowhere_at_all:command\n"
    )
    (tmp_path / "greeting.py").write_text(PLUGIN)
    return tmp_path


def llmmon(*arguments: str, packages: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = dict(os.environ) | ({"PYTHONPATH": str(packages)} if packages else {})
    command = [sys.executable, "-m", "llmmon.cli.main", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environ
    )


def test_help_lists_them_without_loading_them(packages: Path) -> None:
    done = llmmon("--help", packages=packages)
    assert done.returncode == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "rules Check, test, backtest and explain alert rules." in lines
    assert "hello A command from another package." in lines
    assert "broken A command from another package." in lines


def test_one_is_given_a_client(packages: Path, collector: object, address: Address) -> None:
    done = llmmon("hello", "--connect", address.text, packages=packages)
    assert (done.returncode, done.stdout) == (0, "hello test\n"), done.stderr


def test_its_errors_exit_as_those_of_every_command(packages: Path, address: Address) -> None:
    done = llmmon("hello", "--connect", address.text, packages=packages)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    done = llmmon("hello", "--connect", "http://x", packages=packages)
    assert done.returncode == 2
    assert "expected ipc://DIR or tcp://HOST:PORT" in done.stderr
    done = llmmon("hello", "--key-file", "/nowhere/key", packages=packages)
    assert done.returncode == 2
    assert "the key cannot be read" in done.stderr


def test_one_that_cannot_be_loaded_says_what_it_needs(packages: Path) -> None:
    done = llmmon("broken", packages=packages)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "Error: `llmmon broken` needs nowhere_at_all, which is not installed"
    )


def test_without_the_collectors_packages_rules_says_what_to_install() -> None:
    code = """
import sys
sys.modules["lark"] = None
sys.argv = ["llmmon", "rules", "check", "x.toml"]
from llmmon.cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "Error: `llmmon rules` needs lark: pip install 'llmmon[collector]'"
    )
