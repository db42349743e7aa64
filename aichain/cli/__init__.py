"""The `aichain` command: a table of commands, and the one place where errors become two lines."""

from typing import Any

import click

from aichain import __version__
from aichain.cli.exit_codes import CommandExit, explain, render_table
from aichain.cli.lazy_group import Lazy, LazyGroup
from native.errors import AIChainError

COMMANDS = {
    "run": Lazy("aichain.cli.run:run", "Run a node (devnet: a whole chain at once)."),
    "init": Lazy("aichain.cli.init:init", "Make a node's home: config, node key, genesis."),
    "keys": Lazy("aichain.cli.keys:keys", "Make, list, show, export and import keys."),
    "wallet": Lazy("aichain.cli.keys:keys", "The same as keys.", hidden=True),
    "tx": Lazy("aichain.cli.tx:tx", "Send coins, stake, become a validator."),
    "query": Lazy("aichain.cli.query:query", "Read blocks, transactions, accounts, validators."),
    "localnet": Lazy("aichain.cli.localnet:localnet", "Run and disturb a local network."),
    "genesis": Lazy("aichain.cli.genesis:genesis", "Make and check genesis documents."),
    "doctor": Lazy("aichain.cli.doctor:doctor", "Check this machine and say what to fix."),
    "version": Lazy("aichain.cli.version:version", "Version, engines and networks."),
}


class Root(LazyGroup):
    """The root group: expected failures of any room end as cause, fix and exit code."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 as click declares it
        try:
            return super().invoke(ctx)
        except AIChainError as error:
            raise explain(error) from None
        except KeyboardInterrupt:
            ctx.exit(CommandExit.INTERRUPTED)


main = Root(
    name="aichain",
    lazy=COMMANDS,
    help="AI-Chain: a post-quantum chain for AI work. `aichain run --network devnet` starts one.",
    epilog=f"Exit codes:\n{render_table()}",
)
main = click.version_option(__version__, prog_name="aichain")(main)
