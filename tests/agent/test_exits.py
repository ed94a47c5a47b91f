"""Every way a process ends, and every way it forks, in real child processes."""

import signal
import subprocess
import sys
import textwrap
from typing import Any

import pytest

RECORD = """
import llmmon, os, signal, sys
llmmon.init(service="child", endpoint=sys.argv[1], flush_interval_s=30)
rec = llmmon.recorder("chat", model="m")
rec(0.0)
llmmon.flush(timeout_s=10)
for n in range(500):
    rec(float(n))
"""


def run(collector: Any, ending: str, prelude: str = RECORD) -> subprocess.CompletedProcess[str]:
    code = textwrap.dedent(prelude) + textwrap.dedent(ending)
    command = [sys.executable, "-W", "error", "-c", code, collector.endpoint]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('boom')", 1),
        ("os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
        ("os.kill(os.getpid(), signal.SIGTERM); signal.pause()", -signal.SIGTERM),
    ],
    ids=["return", "exit", "exception", "sigint", "sigterm"],
)
def test_what_is_buffered_goes_out_when_the_process_ends(
    collector: Any, ending: str, status: int
) -> None:
    collector.start()
    finished = run(collector, ending)
    assert finished.returncode == status, finished.stderr
    assert len(collector.requests) == 501
    ((header, lost),) = collector.byes
    assert (header.first_event, lost) == (501, {})


def test_sigterm_while_the_sender_is_being_started_finds_it(collector: Any) -> None:
    collector.start()
    finished = run(
        collector,
        """
        def kill(frame, event, _):
            # the thread runs, and its starter waits for it to say so
            names = frame.f_code.co_name, frame.f_back and frame.f_back.f_code.co_name
            if event == "call" and names == ("wait", "start"):
                sys.setprofile(None)
                os.kill(os.getpid(), signal.SIGTERM)

        sys.setprofile(kill)
        llmmon.record("chat")
        """,
        "import llmmon, os, signal, sys\nllmmon.init(service='child', endpoint=sys.argv[1])\n",
    )
    assert (finished.returncode, finished.stderr) == (-signal.SIGTERM, "")
    assert len(collector.requests) == 1


def test_a_sigterm_handler_of_the_host_has_the_last_word(collector: Any) -> None:
    prelude = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
    collector.start()
    finished = run(collector, "os.kill(os.getpid(), signal.SIGTERM)", prelude + RECORD)
    assert finished.returncode == 7
    assert len(collector.requests) == 501


def test_sigterm_handling_can_be_turned_off(collector: Any) -> None:
    ending = """
        llmmon.init(endpoint=sys.argv[1], handle_sigterm=False)
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
    """
    finished = run(collector, ending, "import llmmon, signal, sys\n")
    assert finished.stdout == "True\n", finished.stderr


def test_without_a_collector_the_process_ends_quietly_and_in_time(collector: Any) -> None:
    prelude = """
        import llmmon, sys
        llmmon.init(service="child", endpoint=sys.argv[1])
        llmmon.record("chat")
    """
    finished = run(collector, "", prelude)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_never_initialised_and_no_collector_still_works(collector: Any) -> None:
    prelude = """
        import os, sys
        os.environ["LLMMON_ENDPOINT"] = sys.argv[1]
        import llmmon
        with llmmon.track("chat") as request:
            request.usage(1, 2)
        print(llmmon.stats().emitted, llmmon.stats().endpoint == sys.argv[1])
    """
    finished = run(collector, "", prelude)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == "1 True\n"


def test_a_fork_begins_a_new_epoch_and_both_sides_deliver(collector: Any) -> None:
    ending = """
        inside = llmmon.track("chat").__enter__()
        children = []
        for child in range(4):
            pid = os.fork()
            if pid == 0:
                inside.finish()
                for n in range(200):
                    rec(1000.0 + n)
                assert llmmon.stats().emitted == 200, llmmon.stats()
                os._exit(0 if llmmon.flush(timeout_s=20).pending == 0 else 1)
            children.append(pid)
        assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
        inside.finish()
        assert llmmon.flush(timeout_s=20).pending == 0
    """
    collector.start()
    finished = run(collector, ending)
    assert finished.returncode == 0, finished.stderr
    ids = [row["id"] for row in collector.requests]
    assert len(ids) == len(set(ids)) == 502 + 4 * 200
    assert len({row["epoch"] for row in collector.requests}) == 5
    assert len({agent for agent, _ in collector.committed}) == 1


def test_a_fork_right_after_the_first_record(collector: Any) -> None:
    prelude = """
        import llmmon, os, sys
        llmmon.init(service="child", endpoint=sys.argv[1])
        llmmon.record("parent")
        pid = os.fork()
        if pid == 0:
            llmmon.record("child")
            os._exit(llmmon.flush(timeout_s=20).pending)
        assert os.waitpid(pid, 0)[1] == 0
    """
    collector.start()
    finished = run(collector, "", prelude)
    assert finished.returncode == 0, finished.stderr
    assert len(collector.requests) == 2


def test_a_forked_child_with_nothing_to_say_exits_cleanly(collector: Any) -> None:
    ending = """
        pid = os.fork()
        if pid == 0:
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    """
    collector.start()
    finished = run(collector, ending)
    assert finished.returncode == 0, finished.stderr
    assert len(collector.requests) == 501


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_flush_before_they_leave(
    collector: Any, method: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = tmp_path_factory.mktemp("script") / "main.py"
    script.write_text(
        textwrap.dedent(f"""
        import multiprocessing, sys
        import llmmon

        def work(endpoint):
            llmmon.init(service="child", endpoint=endpoint, flush_interval_s=30)
            rec = llmmon.recorder("chat")
            for n in range(300):
                rec(float(n))

        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            processes = [context.Process(target=work, args=(sys.argv[1],)) for _ in range(2)]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
                assert process.exitcode == 0
        """)
    )
    collector.start()
    command = [sys.executable, str(script), collector.endpoint]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    assert len(collector.requests) == 600
    assert len(collector.byes) == 2


def test_recording_while_the_interpreter_shuts_down_raises_nothing(collector: Any) -> None:
    prelude = """
        import atexit, sys
        import llmmon

        atexit.register(lambda: llmmon.record("chat"))
        llmmon.init(service="child", endpoint=sys.argv[1])

        class Late:
            def __del__(self):
                llmmon.record("chat")

        sys.late = Late()
    """
    finished = run(collector, "", prelude)
    assert (finished.returncode, finished.stderr) == (0, "")


def test_keys_that_cannot_be_used_are_one_warning(collector: Any) -> None:
    prelude = """
        import llmmon, sys
        llmmon.init(endpoint="tcp://127.0.0.1:1", server_key="#" * 40, public_key="#" * 40,
                    secret_key="#" * 40)
        llmmon.record("chat")
        print(llmmon.flush(timeout_s=0.2).pending)
    """
    finished = run(collector, "", prelude)
    assert finished.returncode == 0
    assert finished.stdout == "1\n"
    assert finished.stderr.count("sending failed") == 1
    assert "Traceback" not in finished.stderr
