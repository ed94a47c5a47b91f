"""What importing and using llmmon loads, in fresh interpreters."""

import json
import subprocess
import sys

import llmmon
from llmmon import api, recording, tracking
from llmmon.protocol import event, names

HEAVY = ("zmq", "msgpack", "numpy", "asyncio", "typing", "logging", "dataclasses", "inspect", "re")


def loaded_after(code: str) -> set[str]:
    script = (
        f"{code}\nimport sys\nnames = sorted(sys.modules)\nimport json\nprint(json.dumps(names))"
    )
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_loads_nothing_heavy() -> None:
    assert not (loaded_after("import llmmon") - loaded_after("pass")) & set(HEAVY)


def test_nothing_is_sent_for_before_the_first_record() -> None:
    code = """
import llmmon
llmmon.init(service="s", endpoint="tcp://127.0.0.1:5999")
llmmon.recorder("chat", model="m")
llmmon.track("chat")
@llmmon.observe
def f(): pass
"""
    assert not loaded_after(code) & {"zmq", "msgpack", "numpy", "asyncio"}


def test_public_names_are_sorted_and_there() -> None:
    assert llmmon.__all__ == sorted(llmmon.__all__)
    for name in llmmon.__all__:
        assert getattr(llmmon, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(llmmon, "no_such_thing")


def test_no_public_call_takes_more_than_fifteen_arguments() -> None:
    for name in llmmon.__all__:
        code = getattr(getattr(llmmon, name), "__code__", None)
        if code is not None:
            assert code.co_argcount + code.co_kwonlyargcount <= 15, name


def test_constants_that_are_spelt_twice_agree_with_the_protocol() -> None:
    assert tracking.MAX_TEXT == event.MAX_TEXT
    assert {*names.SCORES, names.REFUSAL} == recording.SCORE_FIELDS
    request = api.track("chat")
    prefix, _, number = request.id.partition("-")
    assert request.id == event.request_id(prefix, int(number, 16))


def test_the_type_of_a_tracked_request_is_public() -> None:
    assert type(llmmon.track("chat")) is llmmon.Request
