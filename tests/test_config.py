from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from idgen.config import Config, load
from idgen.errors import BadSetting
from idgen.layout import DEFAULT_EPOCH_MS
from idgen.redis.address import RedisAddress

DEFAULTS = Config(
    worker_id=3,
    worker_ids=range(1024),
    port=8888,
    address="127.0.0.1",
    epoch_ms=DEFAULT_EPOCH_MS,
    grants="file:",
    peers=(),
    quota_rules=None,
    quota_store="memory:",
    quota_timezone=ZoneInfo("UTC"),
    trusted_proxies=(),
    redis_password="",
    logging="info",
    log_format="text",
)


def refusal(arguments: list[str], environment: dict[str, str] | None = None) -> str:
    with pytest.raises(BadSetting) as refused:
        load(arguments, environment or {})
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_defaults_stand_for_all_but_the_worker_id() -> None:
    assert load(["--worker_id=3"], {}) == DEFAULTS
    assert refusal([]).startswith("--worker_id is required: 0 to 1023")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--worker_id=3", "--port=80"],
        ["--worker_id", "3", "--port", "80"],
        ["--worker-id=3", "-port=80"],
        ["--port=1", "--worker_id=3", "--port=80"],
    ],
)
def test_the_command_line_has_the_manners_of_tornado_options(arguments: list[str]) -> None:
    assert load(arguments, {}) == replace(DEFAULTS, port=80)


def test_a_store_of_quotas_without_rules_is_refused() -> None:
    told = "--quota_store: nothing is counted without --quota_rules=FILE"
    assert refusal(["--worker_id=3", "--quota_store=redis://127.0.0.1/1"]) == told
    config = load(["--worker_id=3", "--quota_store=redis://h/1", "--quota_rules=x"], {})
    assert (config.quota_store, config.quota_rules) == (RedisAddress("h", database=1), Path("x"))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--quota_store=file:", "'file:' is not memory: or redis://HOST:PORT/DB"),
        ("--quota_timezone=Mars", "'Mars' is not a time zone such as UTC or Europe/Berlin"),
        ("--quota_timezone=../x", "'../x' is not a time zone such as UTC or Europe/Berlin"),
        ("--trusted_proxies=10.0.0.1/8", "'10.0.0.1/8' is not addresses or networks with commas"),
    ],
)
def test_a_bad_setting_of_quotas_is_named(argument: str, message: str) -> None:
    assert message in refusal(["--worker_id=3", argument])


def test_a_password_in_the_store_of_quotas_is_not_shown() -> None:
    assert "secret" not in refusal(["--worker_id=3", "--quota_store=redis://:secret@h/x"])


def test_a_stronger_source_wins(tmp_path: Path) -> None:
    file = tmp_path / "flake.toml"
    file.write_text('worker_id = 1\nport = 1001\naddress = "::1"\nlogging = "error"\n')
    environment = {"FLAKE_PORT": "1002", "FLAKE_ADDRESS": "0.0.0.0", "FLAKE_UNKNOWN": "x"}
    config = load([f"--config={file}", "--address=127.0.0.2"], environment)
    assert (config.worker_id, config.port) == (1, 1002)
    assert (config.address, config.logging) == ("127.0.0.2", "error")
    assert config.log_format == "text"


def test_the_file_can_be_named_in_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "flake.toml"
    file.write_text("worker_id = 9\n")
    assert load([], {"FLAKE_CONFIG": str(file)}).worker_id == 9
    other = tmp_path / "other.toml"
    other.write_text("worker_id = 10\n")
    assert load([f"--config={other}"], {"FLAKE_CONFIG": str(file)}).worker_id == 10


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--worker_id=1024", "--worker_id: '1024' is not a whole number from 0 to 1023, or auto"),
        ("--worker_id=-1", "--worker_id: '-1' is not a whole number from 0 to 1023, or auto"),
        ("--worker_id=", "--worker_id: '' is not a whole number from 0 to 1023, or auto"),
        ("--worker_id=1_0", "--worker_id: '1_0' is not a whole number from 0 to 1023, or auto"),
        ("--worker_id=٣", "--worker_id: '٣' is not a whole number from 0 to 1023, or auto"),
        ("--port=abc", "--port: 'abc' is not a whole number from 1 to 65535"),
        ("--port=0", "--port: '0' is not a whole number from 1 to 65535"),
        ("--port=65536", "--port: '65536' is not a whole number from 1 to 65535"),
        ("--epoch_ms=1.5", "--epoch_ms: '1.5' is not a whole number from 0 to 251203277544448"),
        (
            "--grants=tcp:",
            "--grants: 'tcp:' is not file:DIR, file:, memory: or redis://HOST:PORT/DB",
        ),
        (
            "--grants=redis://u:secret@h/x",
            "--grants: 'redis:…' is not redis://HOST:PORT/DB?namespace=NAME or "
            "rediss:// with TLS; DB is a number",
        ),
        (
            "--worker_ids=9-3",
            "--worker_ids: '9-3' is not FROM-TO, two numbers from 0 to 1023, the smaller first",
        ),
        ("redis://:secret@h", "stray argument 'redis:…'; options are written --name=value"),
        ("--redis_password=x", "unknown option '--redis_password'; --help lists those there are"),
        ("--logging=loud", "--logging: 'loud' is not one of debug, info, warning, error, none"),
        ("--log_format=xml", "--log_format: 'xml' is not one of text, json"),
        ("--address=", "--address: '' is not an IP address or a host name of this machine"),
        ("--bogus=1", "unknown option '--bogus'; --help lists those there are"),
        ("--wor=1", "unknown option '--wor'; --help lists those there are"),
        ("stray", "stray argument 'stray'; options are written --name=value"),
        ("--port", "--port: expected one argument"),
        ("--config=/nowhere", "--config: '/nowhere' can't be used: No such file or directory"),
    ],
)
def test_a_bad_setting_names_the_option_the_value_and_what_is_allowed(
    argument: str, message: str
) -> None:
    assert refusal(["--worker_id=3", argument]) == message


def test_a_bad_setting_names_where_it_came_from(tmp_path: Path) -> None:
    assert refusal([], {"FLAKE_WORKER_ID": "x"}) == (
        "--worker_id: 'x' (from FLAKE_WORKER_ID) is not a whole number from 0 to 1023, or auto"
    )
    file = tmp_path / "flake.toml"
    for content, message in [
        ("port = 0", f"--port: '0' (from {file}) is not a whole number from 1 to 65535"),
        ("port = true", f"--port: True (from {file}) is neither a string nor a number"),
        ("port = 1.5", f"--port: 1.5 (from {file}) is neither a string nor a number"),
        ("prot = 1", f"unknown option 'prot' (from {file}); --help lists those there are"),
        ("port = ", f"--config: '{file}' can't be used: Invalid value (at end of document)"),
    ]:
        file.write_text(content)
        assert refusal(["--worker_id=3", f"--config={file}"]) == message
    for content in ("port = 0x" + "f" * 5000, "a = " + "[" * 5000):
        file.write_text(content)
        assert str(file) in refusal(["--worker_id=3", f"--config={file}"])
    file.write_bytes(b"\xff")
    assert f"--config: '{file}' can't be used: 'utf-8' codec" in refusal([f"--config={file}"])


@pytest.mark.parametrize(("argument", "text"), [("--help", "--worker_id"), ("--version", "flake ")])
def test_help_and_version_print_to_standard_output_and_end_well(
    argument: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        load([argument], {})
    assert end.value.code == 0
    assert text in capsys.readouterr().out


def test_auto_needs_a_store_that_assigns_worker_ids() -> None:
    assert refusal(["--worker_id=auto"]) == (
        "--worker_id: 'auto' needs --grants=redis://HOST:PORT/DB, not 'file:'"
    )
    config = load(["--worker_id=auto", "--grants=redis://h/3", "--worker_ids=16-31"], {})
    assert config.worker_id is None
    assert config.worker_ids == range(16, 32)
    assert config.grants == RedisAddress("h", database=3)


def test_a_password_comes_from_the_environment_and_shows_nowhere() -> None:
    config = load(
        ["--worker_id=3", "--grants=redis://:first@h"], {"FLAKE_REDIS_PASSWORD": "second"}
    )
    assert config.redis_password == "second"
    assert "second" not in repr(config)
    assert "first" not in repr(config)
