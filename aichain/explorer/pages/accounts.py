"""One account: its coins, its history where the node keeps one, and its proof."""

from aichain.explorer.errors import NothingHere
from aichain.explorer.pages.reading import cursor_in
from aichain.explorer.visit import Page, Visit
from aichain.rpc.errors import NotIndexed
from aichain.rpc.methods.aichain import (
    AtHeight,
    ByAddress,
    HistoryQuery,
    get_account,
    get_account_history,
    get_proof,
    get_validators,
)
from aichain.rpc.results.accounts import AccountHistory
from genesis.errors import InvalidAddress
from genesis.limits import EXPLORER_ROWS
from genesis.units import format_address, parse_address


async def account(visit: Visit) -> Page:
    """Balance, stake and history."""
    address = address_in(visit)
    found = get_account(visit.context, ByAddress(address))
    history, why_none = await _history(visit, address)
    voters = await get_validators(visit.context, AtHeight())
    registered = voters.registered if isinstance(voters.registered, list) else []
    own = [each for each in registered if each.address == address]
    results: dict[str, object] = {"aichain_getAccount": found}
    if history is not None:
        results["aichain_getAccountHistory"] = history
    return Page(
        template="account.html",
        title=f"Account {address[:10]}",
        results=results,
        values={
            "account": found,
            "validator": own[0] if own else None,
            "history": history,
            "why_none": why_none,
            "is_first": cursor_in(visit) is None,
        },
    )


async def account_proof(visit: Visit) -> Page:
    """The account's record under the state root."""
    proof = await get_proof(visit.context, ByAddress(address_in(visit)))
    return Page(
        template="account_proof.html",
        title="Account proof",
        results={"aichain_getProof": proof},
        values={"proof": proof},
    )


def address_in(visit: Visit) -> str:
    """The address in the path, or of the name in it, with its checksum."""
    text = visit.path["address"]
    named = visit.names.find(text)
    if named is not None:
        return named
    try:
        return format_address(parse_address(text))
    except InvalidAddress as error:
        raise NothingHere(
            what=f"There is no such account: {error.reason}.",
            fix="Copy the whole address; its capitals are a checksum.",
        ) from None


async def _history(visit: Visit, address: str) -> tuple[AccountHistory | None, str]:
    """A page of it, or why there is none."""
    query = HistoryQuery(address, cursor=cursor_in(visit), limit=EXPLORER_ROWS)
    try:
        return await get_account_history(visit.context, query), ""
    except NotIndexed:
        trouble = visit.context.backend.status().index_trouble
        return None, trouble or "It keeps no index of accounts."
