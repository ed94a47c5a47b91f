"""Argument before environment before default, and errors that say what to mend."""

import pytest

from llmmon.config import resolve
from llmmon.errors import ConfigError, EndpointError
from llmmon.protocol.curve import CurveKeys


def test_arguments_win_over_the_environment_over_defaults() -> None:
    environ = {
        "LLMMON_SERVICE": "from-env",
        "LLMMON_ENVIRONMENT": "staging",
        "LLMMON_ENDPOINT": "tcp://127.0.0.1:7000",
        "LLMMON_CAPTURE_CONTENT": "yes",
        "LLMMON_FLUSH_INTERVAL_S": "0.25",
    }
    config = resolve({"service": "from-argument", "flush_interval_s": None}, environ)
    assert config.service == "from-argument"
    assert config.environment == "staging"
    assert config.address.ingest == "tcp://127.0.0.1:7000"
    assert config.capture_content is True
    assert config.flush_interval_s == 0.25
    assert config.scorers == "simple"
    assert config.handle_sigterm is True


def test_false_and_zero_are_arguments_too() -> None:
    environ = {"LLMMON_HANDLE_SIGTERM": "1", "LLMMON_SCORE_CPU_SHARE": "0.5"}
    config = resolve({"handle_sigterm": False, "score_cpu_share": 0.0}, environ)
    assert (config.handle_sigterm, config.score_cpu_share) == (False, 0.0)


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        ({"service": ""}, {}, "service: expected text of 1 to 256"),
        ({"service": 7}, {}, "service: expected text"),
        ({"scorers": "best"}, {}, "scorers: expected one of simple, seed, none"),
        ({"flush_interval_s": 0}, {}, "flush_interval_s: expected 0.01 to 60 seconds"),
        ({}, {"LLMMON_SCORE_CPU_SHARE": "2"}, "LLMMON_SCORE_CPU_SHARE: expected a share"),
        ({}, {"LLMMON_CAPTURE_CONTENT": "maybe"}, "LLMMON_CAPTURE_CONTENT: expected true or false"),
        ({"server_key": "x" * 40}, {}, "expected all three"),
    ],
)
def test_bad_settings_are_named(
    arguments: dict[str, object], environ: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(arguments, environ)


def test_the_spool_lies_in_the_state_directory_unless_told_otherwise() -> None:
    home = {"HOME": "/home/u", "XDG_STATE_HOME": "relative"}
    assert resolve({}, home).spool_dir == "/home/u/.local/state/llmmon/spool"
    assert resolve({}, {"XDG_STATE_HOME": "/state"}).spool_dir == "/state/llmmon/spool"
    assert resolve({"spool_dir": "/a/../b"}, home).spool_dir == "/b"
    assert resolve({}, home | {"LLMMON_SPOOL_DIR": "off"}).spool_dir is None
    assert resolve({}, {"LLMMON_SPOOL_MAX_BYTES": "70000"}).spool_max_bytes == 70_000


@pytest.mark.parametrize("value", ["lots", 1000, "-1"])
def test_a_spool_has_a_least_size(value: object) -> None:
    with pytest.raises(ConfigError, match="spool_max_bytes: "):
        resolve({"spool_max_bytes": value}, {})


def test_a_bad_endpoint_is_named() -> None:
    with pytest.raises(EndpointError, match="expected ipc://DIR or tcp://HOST:PORT"):
        resolve({"endpoint": "http://x"}, {})


def test_keys_come_together_and_the_secret_is_not_shown() -> None:
    names = CurveKeys._fields
    config = resolve({name: name[0] * 40 for name in names}, {})
    assert config.keys is not None
    assert config.keys.public_key == "p" * 40
    assert config.keys.secret_key not in repr(config.keys).replace(config.keys.server_key, "")


@pytest.mark.parametrize("name", ["service", "environment"])
def test_a_name_is_text_that_can_travel(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: expected text"):
        resolve({name: "half \ud83d a pair"}, {})


def test_the_default_service_can_travel_whatever_the_program_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["/srv/caf\udce9.py"])
    assert resolve({}, {}).service == "caf?"


def test_a_key_of_other_characters_is_refused() -> None:
    names = CurveKeys._fields
    with pytest.raises(ConfigError, match="40 characters of Z85"):
        resolve(dict.fromkeys(names, "ö" * 40), {})


def test_a_bad_endpoint_of_the_environment_is_named_with_its_variable() -> None:
    with pytest.raises(EndpointError, match="LLMMON_ENDPOINT: 'here': expected"):
        resolve({}, {"LLMMON_ENDPOINT": "here"})
