"""``bmtick completion``: the shell's completion script, made by click."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash: bmtick completion bash > /etc/bash_completion.d/bmtick
    zsh:  bmtick completion zsh > /usr/local/share/zsh/site-functions/_bmtick
    fish: bmtick completion fish > ~/.config/fish/completions/bmtick.fish
    """  # noqa: D301 -- backslash-b is click's mark for lines to keep
    from bmtick.cli.root import cli

    kind = get_completion_class(shell)
    if kind is None:  # click.Choice let only known shells pass
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(kind(cli, {}, "bmtick", "_BMTICK_COMPLETE").source())
