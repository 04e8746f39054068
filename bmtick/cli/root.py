"""The ``bmtick`` group: lists commands by their files, imports a command only when it runs."""

from __future__ import annotations

import importlib
import os
import re
from typing import IO, Any

import click

import bmtick
from bmtick.errors import EXIT_WRONG_USE, BmtickError, nearest

_NOT_COMMANDS = {"root", "common"}
_FORMER = {"advise": "audit"}  # old names, hidden in the help
# The groups of --help, in the order in which an administrator needs them.
_GROUPS = {
    "First steps": "demo init doctor settings",
    "When spam goes out": "incident top suspects relays queue respond audit report",
    "Alerts on Kapacitor (Bm-tick)": (
        "alerts plan apply status fire silence silences unsilence rollback destroy"
    ),
    "Alerts without Kapacitor": "watch events",
    "Hold spam inside Postfix": "guard held hold release guard-queue",
    "Figures for Telegraf": "telegraf collect",
    "Scripts and thresholds": "backtest render check fmt test eval lsp",
}
_DOCSTRING = re.compile(
    r'^def command\((?:[^)]|\n)*?\) -> None:\n    """(.*?)(?:"""|\n\n)', re.MULTILINE | re.DOTALL
)


class Refusal(click.ClickException):
    """A BmtickError for click: one message on stderr, exit status 2."""

    exit_code = EXIT_WRONG_USE

    def __init__(self, error: BmtickError) -> None:
        super().__init__(str(error))
        self.text = str(error) if error.location else f"bmtick: {error}"

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message."""
        click.echo(self.text, file=file, err=True)


class LazyGroup(click.Group):
    """A group whose commands are the modules of this package.

    Module ``bmtick/cli/render.py`` contains ``command``, a click command. A module is no command
    if its name starts with an underscore or is in ``_NOT_COMMANDS``.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        del ctx
        files = os.listdir(os.path.dirname(__file__))  # noqa: PTH120, PTH208 -- pathlib costs milliseconds
        names = (file.removesuffix(".py") for file in files if file.endswith(".py"))
        return sorted(
            n.replace("_", "-") for n in names if not n.startswith("_") and n not in _NOT_COMMANDS
        )

    def summary(self, ctx: click.Context, name: str) -> str:
        """Return the first sentence of a command's help, if possible without importing it."""
        module = name.replace("-", "_")
        path = os.path.join(os.path.dirname(__file__), f"{module}.py")  # noqa: PTH118, PTH120
        with open(path, encoding="utf-8") as source:  # noqa: PTH123
            found = _DOCSTRING.search(source.read())
        command = click.Command(name, help=found[1]) if found else self.get_command(ctx, name)
        return command.get_short_help_str(limit=1000) if command else ""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        from bmtick.cli._examples import EXAMPLES

        module = importlib.import_module(f"bmtick.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        if shown := EXAMPLES.get(cmd_name):
            lines = "\n".join(f"  {line}\n      {text}" for line, text in shown)
            command.epilog = f"\b\nExamples:\n{lines}"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by group, each with its complete first sentence."""
        groups = {title: names.split() for title, names in _GROUPS.items()}
        known = {name for names in groups.values() for name in names}
        there = self.list_commands(ctx)
        groups["More"] = [name for name in there if name not in known]
        for title, names in groups.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(name, self.summary(ctx, name)) for name in names if name in there]
                )

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a BmtickError becomes one message."""
        try:
            return super().invoke(ctx)
        except BmtickError as error:
            raise Refusal(error) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for an unknown name."""
        args = [_FORMER.get(args[0], args[0]), *args[1:]]
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            hint = nearest(name, self.list_commands(ctx)) or "see 'bmtick --help'"
            ctx.fail(f"no such command '{name}': {hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(bmtick.__version__, prog_name="bmtick")
@click.option(
    "--config",
    "config",
    type=click.Path(),
    envvar="BMTICK_CONFIG",
    help="Settings file. Default: $BMTICK_CONFIG, ./bmtick.toml, /etc/bmtick/bmtick.toml.",
)
@click.pass_context
def cli(ctx: click.Context, config: str | None) -> None:
    """Early warning for mail servers that start to send spam."""
    ctx.obj = {"config": config}


def main_context(**extra: Any) -> dict[str, Any]:
    """Return the context object of commands, for tests that call one directly."""
    return {"config": None, **extra}
