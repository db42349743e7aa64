"""`aichain completion`: the script that makes a shell complete our commands and options."""

from typing import Final

import click
from click.shell_completion import get_completion_class

from aichain.cli.exit_codes import CommandError

SHELLS: Final = ("bash", "zsh", "fish")
PROGRAM: Final = "aichain"
VARIABLE: Final = "_AICHAIN_COMPLETE"
"""What the script sets when it asks us."""


@click.command(short_help="Print the completion script of bash, zsh or fish.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what a shell has to read to complete aichain.

    \b
    bash:  aichain completion bash > ~/.local/share/bash-completion/completions/aichain
    zsh:   aichain completion zsh > "${fpath[1]}/_aichain"
    fish:  aichain completion fish > ~/.config/fish/completions/aichain.fish

    Or for the shell that runs: eval "$(aichain completion bash)"
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise CommandError(f"click knows no {shell}", "install click again")
    click.echo(kind(context.find_root().command, {}, PROGRAM, VARIABLE).source())
