"""A command with an optional argument that also has subcommands: its first word decides.

cronstack runs show stats 06:00    the subcommand
cronstack runs stats               the command itself, with JOB
cronstack runs -- show             the command itself, with a JOB of the name of a subcommand
"""

from __future__ import annotations

from typing import Any

import click


class FirstWordGroup(click.Group):
    """A group that runs its own callback unless its first word is a subcommand.

    An argument that has the name of a subcommand must follow ``--`` or an option.
    """

    allow_interspersed_args = True
    subcommand_metavar = ""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options | {"invoke_without_command": True, "subcommand_metavar": ""})

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of the subcommand, if the first word is one. click's shell completion calls it, too."""
        if args and args[0] in self.commands:
            word, *rest = args
            return self.commands[word].make_context(f"{info_name} {word}", rest, parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return click.Command.parse_args(self, ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        return click.Command.invoke(self, ctx)
