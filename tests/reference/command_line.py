"""The reference of the command line, from click: each command with its usage, help and options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click

from cronstack_infra import cli
from cronstack_infra.cli import errors
from tests.reference.docstrings import default_of
from tests.reference.layout import NONE, block, code, table

COLUMNS = 100
HEAD = ("option", "default", "meaning")
SHARED = ("local", "port", "package", "stack")
"""Parameters of ``cloud_options``. Their table is printed once."""
ANCHOR = "options-for-the-cloud"
_EXIT_CODE = re.compile(r"^    (\d+) +(\S.*)$", re.MULTILINE)
_PREFORMATTED = "\b\n"


def sections() -> Iterator[str]:
    yield "## Command line\n"
    yield "`cronstack --help` lists the commands. Each command has `-h` and `--help`.\n"
    yield table(("command", ""), ((_link(name), entry.help) for name, entry in cli.COMMANDS.items()))
    yield "### Exit codes\n"
    yield table(("code", "meaning"), [("0", "success"), *exit_codes()])
    yield "### Environment variables\n"
    yield table(("variable", "meaning"), ENVIRONMENT)
    yield from _options_for_the_cloud()
    for name in cli.COMMANDS:
        yield from _command(_top(name), f"cronstack {name}")


ENVIRONMENT = (
    ("`AWS_PROFILE`, `AWS_REGION`, …", "the account and Region, as for the aws CLI"),
    ("`AWS_ENDPOINT_URL`", "an address on this machine selects the local cloud at it, as `--local --port` does"),
    (f"`{errors.TRACEBACK}=1`", "also prints the traceback of an error"),
    ("`CRONSTACK_LOCAL_TIMEOUT=5`", "the local cloud ends each invocation after that many seconds"),
    ("`CI`", "an outdated `cronstack.lock` is an error; it is not written"),
)


def exit_codes() -> list[tuple[str, str]]:
    """Return the codes with their meanings, as the module of errors states them."""
    return sorted(_EXIT_CODE.findall(errors.__doc__ or ""), key=lambda row: int(row[0]))


def commands() -> dict[str, click.Command]:
    """Return every command and subcommand by its full name."""
    found: dict[str, click.Command] = {}

    def add(command: click.Command, name: str) -> None:
        found[name] = command
        if isinstance(command, click.Group):
            for word, inner in command.commands.items():
                add(inner, f"{name} {word}")

    for name in cli.COMMANDS:
        add(_top(name), f"cronstack {name}")
    return found


def _top(name: str) -> click.Command:
    command = cli.cronstack.get_command(click.Context(cli.cronstack), name)
    assert command is not None
    return command


def _command(command: click.Command, name: str, level: int = 3) -> Iterator[str]:
    context = click.Context(command, info_name=name, terminal_width=COLUMNS, max_content_width=COLUMNS)
    yield f"{'#' * level} `{name}`\n"
    yield block(" ".join([name, *command.collect_usage_pieces(context)]))
    if command.help:
        yield _prose(command.help)
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    shared = [one for one in options if one.name in SHARED]
    own = options if len(shared) < len(SHARED) else [one for one in options if one not in shared]
    if own:
        yield table(HEAD, (_option(one, context) for one in own))
    if len(own) < len(options):
        yield f"And the [options for the cloud](#{ANCHOR}).\n"
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from _command(inner, f"{name} {word}", level + 1)


def _options_for_the_cloud() -> Iterator[str]:
    command = commands()["cronstack runs"]
    context = click.Context(command)
    yield "### Options for the cloud\n"
    yield "Commands for what is deployed share these options. Without them, your AWS configuration decides.\n"
    yield table(HEAD, (_option(one, context) for one in command.params if one.name in SHARED))


def _prose(text: str) -> str:
    """Return a help text as Markdown. What click keeps as written becomes a block."""
    parts = []
    for paragraph in re.split(r"\n[ \t]*\n", inspect.cleandoc(text)):
        if paragraph.startswith(_PREFORMATTED):
            parts.append(block(paragraph.removeprefix(_PREFORMATTED)))
        else:
            parts.append(" ".join(paragraph.replace("``", "`").split()).replace("<", "\\<") + "\n")
    return "\n".join(parts)


def _option(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    names = ", ".join(option.opts)
    metavar = "" if option.is_flag or option.count else f" {_metavar(option, context)}"
    text, default = default_of(option.help or "")
    return code(f"{names}{metavar}"), default or _default(option), f"{text} {_range(option)}".strip()


def _metavar(option: click.Option, context: click.Context) -> str:
    return "N" if _range(option) and option.metavar is None else option.make_metavar(context)


def _range(option: click.Option) -> str:
    """Return the range of a number as a sentence, or ""."""
    if not isinstance(option.type, click.IntRange | click.FloatRange):
        return ""
    least, most = option.type.min, option.type.max
    return f"At least {least}." if most is None else f"{least} to {most}."


def _default(option: click.Option) -> str:
    default: Any = option.to_info_dict()["default"]
    if option.required:
        return "required"
    if option.is_flag and not default:
        return "off"
    return NONE if default is None or default == () else code(str(default))


def _link(name: str) -> str:
    return f"[`cronstack {name}`](#cronstack-{name})"
