"""The wheel as a user gets it: built, installed alone into a fresh environment, and run there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP = ("-m", "pip", "--disable-pip-version-check")
PATIENCE_S = 240

pytestmark = pytest.mark.timeout(600)

RECORDS = """
import sys, llmmon
llmmon.init(service="shop", endpoint="ipc://" + sys.argv[1], handle_sigterm=False)
with llmmon.track("chat", provider="openai", model="gpt-4o") as request:
    request.usage(812, 164)
print(llmmon.stats().emitted)
llmmon.shutdown(timeout_s=0.1)
"""


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run outside the repository, and without what a caller's environment puts on the path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the backend that is installed."""
    directory = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", directory)
    done = run(sys.executable, *PIP, "wheel", *options, ROOT, cwd=directory)
    assert done.returncode == 0, done.stderr
    (found,) = directory.glob("llmmon-*.whl")
    return found


@pytest.fixture(scope="module")
def commands(wheel: Path) -> Path:
    """Where the commands of an environment are that holds the wheel and what it requires."""
    environment = wheel.parent / "environment"
    done = run(sys.executable, "-m", "venv", environment, cwd=wheel.parent)
    assert done.returncode == 0, done.stderr
    done = run(environment / "bin" / "python", *PIP, "install", wheel, cwd=wheel.parent)
    assert done.returncode == 0, done.stderr
    return environment / "bin"


def test_it_holds_three_typed_packages_and_their_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packages = {"llmmon", "llmmon_collector", "llmmon_tui"}
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == packages
    assert {f"{package}/py.typed" for package in packages} <= names
    sources = {path for kind in ("*.tcss", "*.gz") for path in ROOT.glob(f"*/llmmon*/**/{kind}")}
    data = {path.relative_to(ROOT).as_posix().partition("/")[2] for path in sources}
    assert any(name.endswith(".tcss") for name in data)
    assert any(name.endswith(".gz") for name in data)
    assert data <= names
    assert not {name for name in names if "_cache" in name or "__pycache__" in name}


def test_it_requires_pyzmq_and_msgpack_alone(commands: Path, tmp_path: Path) -> None:
    listed = run(commands / "python", *PIP, "list", "--format", "json", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    installed = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert installed - {"pip", "setuptools"} == {"llmmon", "pyzmq", "msgpack"}


def test_it_records_without_any_extra(commands: Path, tmp_path: Path) -> None:
    done = run(commands / "python", "-I", "-c", RECORDS, tmp_path / "run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("llmmon", "status"), "cli"),
        (("llmmon-collector",), "collector"),
        (("python", "-m", "llmmon_collector"), "collector"),
        (("llmmon-tui",), "tui"),
        (("python", "-m", "llmmon_tui"), "tui"),
    ],
)
def test_a_command_names_the_extra_that_it_needs(
    commands: Path, tmp_path: Path, command: tuple[str, ...], extra: str
) -> None:
    done = run(commands / command[0], *command[1:], cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (hint,) = done.stderr.splitlines()
    assert hint.endswith(f"pip install 'llmmon[{extra}]'")
