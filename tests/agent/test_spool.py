"""This process's spool on a real disk: private, bounded, at peace with failures and forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.spools import AGENT, EPOCH, farewell, framed, new_spool, record

from llmmon.config import resolve
from llmmon.spool.home import orphan_lock, owner, service_home, spool_name, spools


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "root" / "shop-1"


def test_nothing_is_made_before_the_first_write_and_nothing_stays_of_an_empty_spool(
    home: Path,
) -> None:
    spool, warnings = new_spool(home)
    assert not home.parent.exists()
    place = spool.append(2, record(1, 0))
    assert place is not None
    for path in (home.parent, home, home / spool_name(AGENT, EPOCH)):
        assert path.stat().st_mode & 0o777 == 0o700
    spool.release([place.segment])
    spool.close(farewell(1, {}))
    assert (list(home.iterdir()), warnings) == ([], [])


def test_what_is_left_stays_with_its_goodbye_and_without_an_owner(home: Path) -> None:
    spool, _ = new_spool(home)
    spool.append(2, record(1, 0))
    directory = str(home / spool_name(AGENT, EPOCH))
    assert orphan_lock(directory) is None
    spool.close(farewell(1, {}))
    descriptor = orphan_lock(directory)
    assert descriptor is not None
    os.close(descriptor)
    assert spools(str(home)) == [spool_name(AGENT, EPOCH)]
    assert spool.append(2, record(2, 1)) is None


def test_the_bound_is_for_all_spools_of_the_service(home: Path) -> None:
    size = len(framed(1, 0))
    first, _ = new_spool(home, max_bytes=size * 10)
    places = []
    for seq in range(1, 7):
        assert first.has_room(record(seq, seq))
        places.append(first.append(2, record(seq, seq)))
    second, _ = new_spool(home, max_bytes=size * 10, epoch=EPOCH + 1)
    second.append(2, record(1, 0))
    assert second.capacity < size * 4
    assert second.has_room(record(2, 1))
    assert not second.has_room(record(2, 1) * 3)
    first.release([place.segment for place in places if place is not None])
    first.close(b"")
    second.measure()
    assert second.capacity == size * 10
    second.close(farewell(1, {}))


def test_a_directory_that_others_can_enter_is_refused_until_it_is_mended(home: Path) -> None:
    home.parent.mkdir(mode=0o755)
    spool, warnings = new_spool(home)
    assert spool.append(2, record(1, 0)) is None
    assert spool.failing
    assert f"run `chmod 700 {home.parent}`" in warnings[0]
    home.parent.chmod(0o700)
    assert spool.append(2, record(1, 0)) is not None
    assert not spool.failing
    spool.close(farewell(1, {}))


def test_a_file_or_a_link_in_the_place_of_a_directory_is_refused(home: Path) -> None:
    home.parent.mkdir(mode=0o700)
    (home.parent / "elsewhere").mkdir(mode=0o700)
    home.symlink_to(home.parent / "elsewhere")
    spool, warnings = new_spool(home)
    assert spool.append(2, record(1, 0)) is None
    assert "is no directory" in warnings[0]


FULL = """
import resource, signal, sys
from pathlib import Path
from support.spools import new_spool, record
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool, warnings = new_spool(Path(sys.argv[1]))
place = spool.append(2, record(1, 0))
size = spool.size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, resource.RLIM_INFINITY))
assert spool.append(2, record(2, 1)) is None and spool.failing and warnings, warnings
assert spool.read(place).header.seq == 1
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
again = spool.append(2, record(2, 1))
assert spool.read(again).header.seq == 2 and not spool.failing
print(spool.size, 2 * size)
"""


def test_a_disk_that_is_full_costs_nothing_that_was_written_and_is_tried_again(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(home)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told, expected = done.stdout.split()
    assert told == expected


def test_a_signal_handler_in_the_middle_of_a_write_writes_too(home: Path) -> None:
    spool, warnings = new_spool(home, max_bytes=64 << 20)
    seen: list[int] = []

    def handler(_number: int, _frame: object) -> None:
        place = spool.append(2, record(1000 + len(seen), 0))
        assert place is not None
        seen.append(place.segment)

    spool.append(2, record(999, 0))
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        places = [spool.append(2, record(seq, seq)) for seq in range(1, 3000)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert seen
    for seq, place in enumerate(places, 1):
        assert place is not None
        envelope = spool.read(place)
        assert envelope is not None
        assert envelope.header.seq == seq
    assert not warnings
    spool.close(b"")


def test_a_forked_child_closes_its_copy_and_the_parent_keeps_the_lock(home: Path) -> None:
    spool, _ = new_spool(home)
    spool.append(2, record(1, 0))
    directory = str(home / spool_name(AGENT, EPOCH))
    child = os.fork()
    if child == 0:
        spool.disown()
        fine = spool.append(2, record(2, 1)) is None and orphan_lock(directory) is None
        os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert orphan_lock(directory) is None
    assert spool.append(2, record(2, 1)) is not None
    spool.close(farewell(2, {}))


def test_a_service_has_a_directory_for_each_collector_and_environment(tmp_path: Path) -> None:
    def home_of(**settings: str) -> str | None:
        return service_home(resolve({"service": "shop", "spool_dir": tmp_path} | settings, {}))

    homes = {
        home_of(),
        home_of(environment="production"),
        home_of(endpoint="tcp://127.0.0.1:7000"),
        home_of(service="shop/../x"),
        home_of(service=".."),
    }
    assert len(homes) == 5
    assert {os.path.dirname(str(found)) for found in homes} == {str(tmp_path)}
    assert home_of(spool_dir="off") is None
    assert home_of() == home_of()


def test_only_names_of_spools_are_taken_for_spools() -> None:
    assert owner(spool_name(AGENT, 5)) == (AGENT, 5)
    assert [owner(name) for name in ("lock", f"{AGENT.hex()}-", f"{AGENT.hex()}-5x")] == [None] * 3


def test_a_directory_without_a_lock_is_removed_when_empty(tmp_path: Path) -> None:
    empty, full = tmp_path / "empty", tmp_path / "full"
    for path in (empty, full):
        path.mkdir()
    (full / "00000001.seg").touch()
    assert orphan_lock(str(empty)) is None
    assert orphan_lock(str(full)) is None
    assert (empty.exists(), full.exists()) == (False, True)


TAKE = """
import sys
from llmmon.spool.home import orphan_lock, remove
found = orphan_lock(sys.argv[1])
print("none" if found is None else "taken", flush=True)
sys.stdin.readline()
if found is not None:
    remove(sys.argv[1], found)
"""


def test_of_processes_that_want_an_orphan_one_gets_it(home: Path) -> None:
    spool, _ = new_spool(home)
    spool.append(2, record(1, 0))
    spool.close(farewell(1, {}))
    directory = str(home / spool_name(AGENT, EPOCH))
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    answers = []
    for rival in rivals:
        assert rival.stdout is not None
        answers.append(rival.stdout.readline())
    for rival in rivals:
        rival.communicate("\n", timeout=60)
    assert sorted(answers) == ["none\n"] * 3 + ["taken\n"]
    assert not os.path.exists(directory)
