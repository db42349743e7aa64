"""The `aichain` command: a table of commands, each imported when it runs."""

import click

from aichain import __version__
from aichain.cli.exit_codes import render_table
from aichain.cli.lazy_group import Lazy
from aichain.cli.root import Root

COMMANDS = {
    "run": Lazy("aichain.cli.run:run", "Run a node (devnet: a whole chain at once)."),
    "init": Lazy("aichain.cli.init:init", "Make a node's home: config, node key, genesis."),
    "keys": Lazy("aichain.cli.keys:keys", "Keys: make, import, sign messages; rewards, history."),
    "wallet": Lazy("aichain.cli.keys:keys", "The same as keys.", hidden=True),
    "tx": Lazy("aichain.cli.tx:tx", "Send coins, stake, become a validator."),
    "query": Lazy("aichain.cli.query:query", "Read blocks, transactions, accounts, validators."),
    "light": Lazy("aichain.cli.light:light", "Read a chain from a server you need not trust."),
    "fork-proof": Lazy("aichain.cli.fork_proof:fork_proof", "After a fork: who signed both sides."),
    "node": Lazy("aichain.cli.node:node", "Manage a running node; health of a fleet."),
    "localnet": Lazy("aichain.cli.localnet:localnet", "Run and disturb a local network."),
    "db": Lazy("aichain.cli.db:db", "Check, move and shrink the disk of a stopped node."),
    "genesis": Lazy("aichain.cli.genesis:genesis", "Make and check genesis documents."),
    "config": Lazy("aichain.cli.config:config", "Show, check and change a node's settings."),
    "doctor": Lazy("aichain.cli.doctor:doctor", "Check this machine and say what to fix."),
    "bench": Lazy("aichain.cli.bench:bench", "Measure signatures, hashes, blocks and disk here."),
    "completion": Lazy(
        "aichain.cli.completion:completion", "Print the completion script of bash, zsh or fish."
    ),
    "version": Lazy("aichain.cli.version:version", "Version, engines and networks."),
}


_root = Root(
    name="aichain",
    lazy=COMMANDS,
    purpose="AI-Chain, a post-quantum chain for AI work. `aichain run --network devnet` starts it.",
    epilog=f"Exit codes:\n{render_table()}",
)
main: click.Command = click.version_option(__version__, prog_name="aichain")(_root)
