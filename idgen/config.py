"""The settings: from the command line, the environment and a file, validated once.

Weakest first: default, `--config=FILE` (TOML), environment `FLAKE_NAME`, command line.  All of
them end in the one table of options.py, so a value is judged the same wherever it came from.

The command line keeps the manners of tornado.options (`--worker-id`, `-worker_id` and
`--worker_id` are one) but not its parser, which takes stray arguments, refuses `--port 80`,
shows tracebacks for bad values and runs its config files as Python.
"""

import argparse
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from idgen import __version__
from idgen.errors import BadSetting
from idgen.options import OPTIONS, WITH_SECRETS, Networks
from idgen.redis.address import RedisAddress, without_secrets


@dataclass(frozen=True, slots=True)
class Config:
    """What the service was started with.  Field names are the names of the options."""

    worker_id: int | None
    """None: auto, the grants tell."""
    worker_ids: range
    port: int
    address: str
    epoch_ms: int
    grants: str | RedisAddress
    peers: tuple[str, ...]
    """HOST:PORT each."""
    quota_rules: Path | None
    """None: no quotas."""
    quota_store: str | RedisAddress
    quota_timezone: ZoneInfo
    trusted_proxies: Networks
    redis_password: str = field(repr=False)
    logging: str
    log_format: str


_Settings = dict[str, tuple[str, str]]
"""By option name: the text, and in words for a message where it came from."""


def load(arguments: Sequence[str], environment: Mapping[str, str]) -> Config:
    """The settings of this start.  Raises BadSetting.

    `--help` and `--version` print to standard output and raise SystemExit(0).
    """
    command_line = _from_command_line(arguments)
    variables = _from_environment(environment)
    file = command_line.pop("config", None) or variables.pop("config", None)
    variables.pop("config", None)
    settings = _from_file(Path(file[0])) if file else {}
    settings |= variables
    settings |= command_line
    config = Config(**{name: _value(name, settings.get(name)) for name in OPTIONS})
    if config.worker_id is None and not isinstance(config.grants, RedisAddress):
        raise BadSetting(
            f"--worker_id: 'auto' needs --grants=redis://HOST:PORT/DB, not {config.grants!r}"
        )
    if config.quota_rules is None and isinstance(config.quota_store, RedisAddress):
        raise BadSetting("--quota_store: nothing is counted without --quota_rules=FILE")
    return config


def _value(name: str, setting: tuple[str, str] | None) -> Any:
    option = OPTIONS[name]
    if setting is None and option.default is None:
        raise BadSetting(f"--{name} is required: {option.help}")
    text, source = setting or (str(option.default), "")
    try:
        return option.check(text)
    except ValueError as allowed:
        shown = without_secrets(text) if name in WITH_SECRETS else repr(text)
        raise BadSetting(f"--{name}: {shown}{source} is not {allowed}") from None


def _from_command_line(arguments: Sequence[str]) -> _Settings:
    known, unknown = _parser().parse_known_args([_normalised(text) for text in arguments])
    for text in (text for text in unknown if text != "--"):
        if text.startswith("-"):
            name = text.partition("=")[0]
            raise BadSetting(f"unknown option {name!r}; --help lists those there are")
        shown = without_secrets(text)
        raise BadSetting(f"stray argument {shown}; options are written --name=value")
    return {name: (text, "") for name, text in vars(known).items()}


def _from_environment(environment: Mapping[str, str]) -> _Settings:
    variables = {name: f"FLAKE_{name.upper()}" for name in ("config", *OPTIONS)}
    return {
        name: (environment[variable], f" (from {variable})")
        for name, variable in variables.items()
        if variable in environment
    }


def _from_file(file: Path) -> _Settings:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadSetting(f"--config: {str(file)!r} can't be used: {reason}") from None
    for name, value in table.items():
        if name not in OPTIONS:
            known = name.partition("=")[0]
            told = f"unknown option {known!r} (from {file}); --help lists those there are"
            raise BadSetting(told)
        if not isinstance(value, str | int) or isinstance(value, bool) or _is_huge(value):
            shown = "a huge number" if _is_huge(value) else repr(value)
            shown = shown if OPTIONS[name].on_command_line else "what stands there"
            raise BadSetting(f"--{name}: {shown} (from {file}) is neither a string nor a number")
    return {name: (str(value), f" (from {file})") for name, value in table.items()}


def _is_huge(value: object) -> bool:
    """Whether str() would refuse it: it takes 4,300 digits at most."""
    return isinstance(value, int) and value.bit_length() > 64


def _normalised(argument: str) -> str:
    """`-worker-id=1` and `--worker-id=1` as `--worker_id=1`, as tornado.options has it."""
    option = re.fullmatch("--?([A-Za-z][A-Za-z0-9_-]+)(=.*)?", argument, re.DOTALL)
    if option is None:
        return argument
    return "--" + option[1].replace("-", "_") + (option[2] or "")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadSetting(message.removeprefix("argument "))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="flake",
        description="Gives out unique, roughly time-ordered 64-bit IDs over HTTP.",
        epilog="Each option can also stand in the environment, as FLAKE_NAME, or in the file; "
        "Redis's password only there, as FLAKE_REDIS_PASSWORD or redis_password.",
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--version", action="version", version=f"flake {__version__}")
    parser.add_argument("--config", metavar="FILE", help="TOML file with options, one a line")
    for name, option in OPTIONS.items():
        if not option.on_command_line:
            continue
        default = f" (default: {option.default})" if option.default else ""
        default = " (required)" if option.default is None else default
        parser.add_argument(f"--{name}", metavar=option.metavar, help=option.help + default)
    return parser
