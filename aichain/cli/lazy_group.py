"""A click group that imports a command only when it runs, so that `--help` is instant."""

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import click
import click.shell_completion


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a command lives, and the line that help shows without importing it."""

    target: str
    """`package.module:attribute`"""
    summary: str
    hidden: bool = False

    def load(self) -> click.Command:
        module, _, attribute = self.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


class LazyGroup(click.Group):
    """Commands by name from a table; a misspelt one gets a suggestion."""

    def __init__(self, *, lazy: Mapping[str, Lazy], name: str, purpose: str, epilog: str) -> None:
        super().__init__(name=name, help=purpose, epilog=epilog, no_args_is_help=True)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._lazy.get(cmd_name)
        return entry.load() if entry else super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self._lazy, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Names from the table: a shell that completes one imports none of them."""
        found = [
            click.shell_completion.CompletionItem(name, help=entry.summary)
            for name, entry in self._lazy.items()
            if name.startswith(incomplete) and not entry.hidden
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, entry.summary) for name, entry in self._lazy.items() if not entry.hidden]
            )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The epilog is a table: kept as it is, not wrapped."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog + "\n")
