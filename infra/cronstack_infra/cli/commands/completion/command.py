"""``cronstack completion``: print the script with which a shell completes commands, options and job names."""

from __future__ import annotations

import click

from cronstack_infra.cli.completing import SHELLS, script


@click.command(short_help="Print the completion script for bash, zsh or fish.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script for SHELL. It completes commands, options, files, and the names of the declared jobs.

    \b
    bash    eval "$(cronstack completion bash)"        in ~/.bashrc; bash 4.4 or later
    zsh     eval "$(cronstack completion zsh)"         in ~/.zshrc, below compinit
    fish    cronstack completion fish | source         in ~/.config/fish/config.fish

    The names of jobs are read from the source text in functions/, without importing it and without a network.
    """
    click.echo(script(context.find_root().command, shell))
