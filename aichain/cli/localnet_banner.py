"""What a local network says of itself when it is up."""

from aichain import __version__
from aichain.cli.localnet_nodes import document_of
from aichain.cli.localnet_state import ACCOUNTS_DIRECTORY, LocalnetState
from aichain.cli.public_accounts import account_lines, write_public_accounts


def banner(state: LocalnetState, elapsed_s: float) -> list[str]:
    """Where everything is, for the person in front of it."""
    accounts = write_public_accounts(document_of(state), state.directory / ACCOUNTS_DIRECTORY)
    extra = state.dir_option
    first = state.nodes[0].rpc_url
    rpc = "" if first.endswith(":3690") else f" --rpc {first}"
    nodes = [
        f"  node {node.index}   {node.rpc_url}   validator {node.address}   {node.log}"
        for node in state.nodes
    ]
    return [
        f"AI-Chain {__version__} · local {state.network} · {len(state.nodes)} validators"
        f" · up in {elapsed_s:.1f} s",
        f"  genesis  {state.genesis_hash}",
        *nodes,
        "",
        "Funded accounts (public test keys without a passphrase, worthless coins):",
        *account_lines(accounts),
        "",
        f"Look at the chain in a browser: {first}/",
        "",
        "Try in another terminal (after `. .venv/bin/activate`):",
        f"  aichain tx send --from account:0 --to account:1 --amount 1.5 --wait{rpc}",
        f"  aichain localnet kill 3{extra}    then    aichain localnet start 3{extra}",
        f"  aichain localnet load 50{extra}",
    ]
