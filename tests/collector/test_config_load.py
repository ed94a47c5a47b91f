"""Which file is read, what counts as a source, and how unreadable files are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmmon.errors import ConfigError
from llmmon_collector.config.load import default_state_dir, load

EXAMPLE = Path(__file__).parents[2] / "examples" / "llmmon.toml"
RULE = '[[rule]]\nname = "{}"\nvalue = "error_rate"\nwarning = {{ above = 0.1 }}\n'


def named(name: str) -> str:
    return f'[collector]\nname = "{name}"\n'


def test_no_file_is_needed(tmp_path: Path) -> None:
    loaded = load(None, {"HOME": str(tmp_path)}, tmp_path)
    assert loaded.sources == ()
    assert loaded.main is None
    assert loaded.settings.collector.name == "llmmon"


def test_the_first_place_wins(tmp_path: Path) -> None:
    cwd, home, xdg = (tmp_path / name for name in ("cwd", "home", "xdg"))
    given = tmp_path / "given.toml"
    by_variable = tmp_path / "variable.toml"
    places = {
        given: "argument",
        by_variable: "variable",
        cwd / "llmmon.toml": "here",
        xdg / "llmmon" / "llmmon.toml": "xdg",
        home / ".config" / "llmmon" / "llmmon.toml": "home",
    }
    for place, name in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(named(name))
    environ = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(xdg),
        "LLMMON_CONFIG": str(by_variable),
    }

    def found(path: Path | None = None) -> str:
        return load(path, environ, cwd).settings.collector.name

    assert found(given) == "argument"
    assert found() == "variable"
    del environ["LLMMON_CONFIG"]
    assert found() == "here"
    (cwd / "llmmon.toml").unlink()
    assert found() == "xdg"
    del environ["XDG_CONFIG_HOME"]
    assert found() == "home"


def test_rules_dir_is_read_in_order_of_names(tmp_path: Path) -> None:
    rules = tmp_path / "rules.d"
    rules.mkdir()
    for name in ("b", "a"):
        (rules / f"{name}.toml").write_text(RULE.format(name))
    (rules / ".a.toml.swp").write_text("not toml")
    (rules / ".#a.toml").write_text("not toml")
    (rules / "README").write_text("not toml")
    main = tmp_path / "llmmon.toml"
    main.write_text('[collector]\nrules_dir = "rules.d"\nstate_dir = "~/s"\n' + RULE.format("m"))

    loaded = load(main, {"HOME": "/home/me"}, Path("/"))

    assert [rule.name for rule in loaded.settings.rules] == ["m", "a", "b"]
    assert loaded.sources == (main, rules / "a.toml", rules / "b.toml")
    assert loaded.main == main
    assert loaded.rules_dir == rules
    assert loaded.settings.collector.rules_dir == str(rules)
    assert loaded.settings.collector.state_dir == "/home/me/s"


@pytest.mark.parametrize("environ", [{}, {"LLMMON_CONFIG": "gone.toml"}])
def test_a_named_file_must_be_there(tmp_path: Path, environ: dict[str, str]) -> None:
    path = None if environ else Path("gone.toml")
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read: No such file"):
        load(path, environ, tmp_path)


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    main = tmp_path / "llmmon.toml"
    main.write_bytes(b'[collector]\nname = "caf\xe9"\n')
    with pytest.raises(ConfigError, match=r"llmmon\.toml:2: not UTF-8"):
        load(main, {}, tmp_path)
    main.write_text('[collector]\nrules_dir = "gone"\n')
    with pytest.raises(ConfigError, match=r"collector\.rules_dir: cannot list .*gone"):
        load(main, {}, tmp_path)
    main.write_text("#" * (4 * 2**20 + 1))
    with pytest.raises(ConfigError, match="longer than 4 MiB"):
        load(main, {}, tmp_path)


def test_state_goes_where_xdg_says() -> None:
    assert default_state_dir({"XDG_STATE_HOME": "/s"}) == Path("/s/llmmon")
    assert default_state_dir({"HOME": "/h"}) == Path("/h/.local/state/llmmon")


def test_the_example_is_valid() -> None:
    loaded = load(EXAMPLE, {}, Path("/"))
    assert loaded.settings.rules
    assert loaded.settings.checks
    assert loaded.settings.channels
    assert loaded.settings.prices


def test_the_keys_directory_is_taken_from_where_the_file_is(tmp_path: Path) -> None:
    main = tmp_path / "llmmon.toml"
    main.write_text('[security]\nkeys_dir = "keys"\n')
    security = load(main, {}, tmp_path / "elsewhere").settings.security
    assert security.keys_dir == str(tmp_path / "keys")
    assert security.curve is None


def test_a_misspelt_key_of_security_is_named(tmp_path: Path) -> None:
    main = tmp_path / "llmmon.toml"
    main.write_text("[security]\ncurv = true\n")
    with pytest.raises(ConfigError, match=r"llmmon\.toml:2: security\.curv: .*curve"):
        load(main, {}, tmp_path)
