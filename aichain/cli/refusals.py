"""What a person reads when a transaction or a call is refused: a sentence and a fix for each name.

A refusal is known by its `data.code`; `{name}` is one of its values, `{name:coins}` an amount of
AI, `{name:address}` an address and `{name:next_free}` when stake is free, if any is to be.
"""

from collections.abc import Mapping
from typing import Final

from aichain.cli.exit_codes import CommandError, CommandExit, explain, plain, values_of
from genesis.units import format_address, format_amount, parse_hex
from native.errors import AIChainError, InvalidData

_ADDRESS_BYTES: Final = 20
_OWN_KEY: Final = "use the key that the account was made with"
_OWN_NODE: Final = "give the peer id of your own node: `aichain init` prints it"
_ONE_VERSION: Final = "use one version of aichain here and on the node (`aichain version`)"
_SUBSCRIPTION: Final = "the command line does not subscribe; look at the program that did"

REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    # --- what a transaction alone can break
    "transaction_too_large": (
        "the transaction has {size_bytes} bytes, and {limit_bytes} are the most",
        "make it smaller",
    ),
    "unsupported_transaction_version": (
        "transactions of version {version} are not known here",
        _ONE_VERSION,
    ),
    "unknown_kind": ("transactions of kind {kind} are not known here", _ONE_VERSION),
    "unknown_algorithm": ("signatures of algorithm {algorithm} are not known here", _ONE_VERSION),
    "sender_mismatch": (
        "the key belongs to {key_address:address}, and {sender:address} sends",
        "sign with the sender's key",
    ),
    "recipient_is_zero": (
        "nobody has the key of the zero address, so coins sent there would be lost",
        "send them to another address",
    ),
    "amount_is_zero": ("the amount is zero", "write an amount of AI above zero, such as 1.5"),
    "peer_id_malformed": ("{peer_id} is not the peer id of a libp2p node", _OWN_NODE),
    "possession_unproved": (
        "the validator key of {subject} did not sign for this owner on this network",
        "register it with that key itself: --validator-key KEY",
    ),
    "field_out_of_range": ("{field} is {value}, and {limit} is the most", "choose a smaller one"),
    "field_has_wrong_length": (
        "{field} has {length} bytes, and {limit} are expected",
        "give one of that length",
    ),
    # --- what only the state can tell
    "wrong_network": (
        "the transaction is for network {given}, and the node is on network {expected}",
        "give a node of your network with --rpc",
    ),
    "sender_unknown": (
        "{sender:address} has no account, so there is nothing to pay a fee with",
        "send some coins to it first",
    ),
    "key_not_revealed": (
        "the account has not shown its public key yet, and this transaction does not carry it",
        "send it again: `aichain tx` adds the key where it is needed",
    ),
    "key_algorithm_mismatch": (
        "the account signs with algorithm {expected}, and this key is of algorithm {given}",
        _OWN_KEY,
    ),
    "key_mismatch": ("{sender:address} has shown another key than this one", _OWN_KEY),
    "key_already_revealed": (
        "{sender:address} has shown its key before, and a transaction does not show it again",
        "send it again: `aichain tx` adds the key where it is needed",
    ),
    "nonce_mismatch": (
        "the account's next nonce is {expected}, and the transaction has {given}",
        "send it again: `aichain tx` asks for the nonce each time",
    ),
    "nonce_too_far": (
        "nonce {given} is more than {limit} ahead of the account's next one, {expected}",
        "wait until what is pending is final, then send it again",
    ),
    "expired": (
        "the transaction was good up to block {valid_until}, and the next one is {height}",
        "send it again: `aichain tx` gives it ten minutes",
    ),
    "valid_until_too_far": (
        "the transaction is good up to block {valid_until}, and {limit} is the latest allowed",
        "send it again when the node has caught up: `aichain query status` says how far it is",
    ),
    "fee_too_low": (
        "the fee is {required:coins} now, and the transaction allows {fee_max:coins}",
        "raise --max-fee, or leave it out",
    ),
    "insufficient_balance": (
        "this may cost {required:coins} with its fee, and the account has {available:coins}",
        "send less, or get more coins first",
    ),
    "transaction_too_heavy": (
        "the transaction weighs {weight}, and a whole block may weigh {limit}",
        "make it smaller",
    ),
    # --- what makes a charged transaction fail
    "account_creation_not_covered": (
        "the recipient's account is new and costs {required:coins}, and the transaction leaves"
        " {fee_max:coins} for it",
        "raise --max-fee, or leave it out",
    ),
    "role_not_open": ("stake in role {role} earns nothing yet", "stake as a validator"),
    "delegation_closed": (
        "only the owner of a validator can stake with it so far, and this one is {target:address}",
        "stake with the validator's own key",
    ),
    "validator_unknown": (
        "{address:address} is not a registered validator",
        "register it first: `aichain tx register-validator`",
    ),
    "validator_exists": (
        "{address:address} is a registered validator already",
        "to add to its stake use `aichain tx stake`",
    ),
    "consensus_key_taken": (
        "{owner:address} has registered this validator key",
        "vote with another key: --validator-key KEY",
    ),
    "peer_id_taken": ("{owner:address} has registered this node", _OWN_NODE),
    "stake_too_small": (
        "a validator has a stake of at least {required:coins}, and this would make it"
        " {given:coins}",
        "stake more, or unstake everything",
    ),
    "insufficient_stake": (
        "{required:coins} are to be freed, and {available:coins} are staked",
        "unstake less",
    ),
    "too_many_unbondings": (
        "{limit} parts of the stake are being freed already, and that is the most",
        "wait until one is, then `aichain tx withdraw`",
    ),
    "nothing_to_withdraw": (
        "no stake has been freed, and {next_height:next_free}",
        "free some with `aichain tx unstake`, and wait for the height that `aichain query account` "
        "shows",
    ),
    "not_jailed": ("{address:address} is not in jail", "there is nothing to do"),
    "jail_not_over": (
        "the jail term ends at height {until}, and the chain is at {height}",
        "wait until then",
    ),
    "not_in_conflict": (
        "an honest validator may sign both of these in view {view}",
        "accuse nobody of what is legal",
    ),
    "evidence_foreign": ("the signatures are of another chain", "report them there"),
    "evidence_too_early": (
        "the accusation is about epoch {epoch}, and the chain is in epoch {current}",
        "report it when that epoch has begun",
    ),
    "evidence_expired": (
        "the accusation was good up to height {expired_at}, and the chain is at {height}",
        "nothing can be done: the stake may have been withdrawn",
    ),
    "wrong_anchor": (
        "votes are collected for the block at height {expected_height}, not for epoch"
        " {given_epoch}",
        "collect those of the last epoch that ended",
    ),
    "anchor_closed": (
        "votes were collected up to height {closed_at}, and the chain is at {height}",
        "collect those of the next epoch",
    ),
    "checkpoint_misplaced": (
        "votes are for a checkpoint on a chain of two lanes, and for the block on any other",
        "collect those that the validators of this chain sign",
    ),
    "wrong_checkpoint": (
        "the checkpoint has another {field} than the last block of the epoch",
        "collect the votes for a checkpoint that ends at that block",
    ),
    "voters_malformed": (
        "the epoch had {members} validators, and {size_bytes} bytes name the voters",
        "give one bit for each validator",
    ),
    "votes_mismatch": (
        "{voters} voters are named, and there are {signatures} signatures",
        "give one signature for each voter",
    ),
    "vote_counted": ("the vote of validator {voter} was counted before", "leave it out"),
    "system_transaction": (
        "transactions of kind {kind} are put into blocks by those who propose them",
        "run a validator: it reports what it sees by itself",
    ),
    "tombstoned": (
        "the validator of {address:address} was proven to have signed twice",
        "free its stake with `aichain tx unstake`, and register another key from another account",
    ),
    "onion_repeated": (
        "this validator has registered the same reveals already",
        "to commit to new ones use `aichain tx renew-onion`, to add stake `aichain tx stake`",
    ),
    "renewal_pending": (
        "this validator has new reveals waiting for epoch {epoch} already",
        "wait until then",
    ),
    # --- the pool
    "already_pending": (
        "the node holds this transaction already",
        "wait: `aichain query tx HASH` says when it is final",
    ),
    "offender_accused": (
        "evidence against this validator waits already",
        "wait: one proof is as good as two",
    ),
    "accusations_full": (
        "evidence against {limit} validators waits already",
        "send it again when some of it is in a block",
    ),
    "previously_rejected": (
        "the node has refused these very bytes not long ago",
        "send it again: `aichain tx` signs anew",
    ),
    "tip_below_floor": (
        "the node's pool is filling up: it asks for a tip of {required_tip:coins}, and this one"
        " gives {tip:coins}",
        "add --tip, or wait until blocks have made room",
    ),
    "replacement_underpriced": (
        "a transaction with this nonce is pending; to take its place costs {required_fee:coins},"
        " and this one pays {fee:coins}",
        "wait until it is final, or raise --tip",
    ),
    "sender_queue_full": (
        "{limit} transactions of this account are pending, and that is the most",
        "wait until they are final",
    ),
    "pending_not_covered": (
        "with what is pending this may cost {required:coins}, and the account has"
        " {available:coins}",
        "send less, or wait until what is pending is final",
    ),
    "mempool_full": (
        "the node's pool is full of transactions that pay as much or more",
        "raise --tip, or wait until blocks have made room",
    ),
    # --- bytes and signatures
    "decode_error": ("what was sent is not in canonical form: {reason}", _ONE_VERSION),
    "invalid_signature": ("a signature does not verify: {subject}", _OWN_KEY),
    "invalid_address": ("{reason}: {text}", "copy the address again"),
    "invalid_peer_id": ("{peer_id} is not the peer id of a libp2p node", _OWN_NODE),
    # --- calls
    "parse_error": ("the node could not read the call: {reason}", _ONE_VERSION),
    "invalid_request": ("the node could not read the call: {reason}", _ONE_VERSION),
    "empty_batch": ("a batch holds at least one call", _ONE_VERSION),
    "batch_too_large": ("{given} calls at once are too many, {limit} are the most", "ask for less"),
    "request_too_large": ("the call is larger than {limit_bytes} bytes", "send less at once"),
    "method_not_found": (
        "the node does not know {method}",
        "check --rpc: this may be another program, or a node of another version",
    ),
    "invalid_params": ("the node does not take these values: {reason}", _ONE_VERSION),
    "unknown_resource": ("the node has no {resource}", "check the name or number"),
    "history_pruned": (
        "the node keeps blocks from height {first} on, and {height} is older",
        "ask a node that keeps everything with --rpc",
    ),
    "history_damaged": (
        "the node's disk does not give back this block as it was written",
        "ask another node with --rpc; its operator finds the cure in the log",
    ),
    "state_not_kept": (
        "the state of height {height} is not kept, only that of the last final block, {head}",
        "ask for the latest state",
    ),
    "not_indexed": (
        "the node has no index of accounts to answer from",
        "start it with --index full; where it was, `indexTrouble` of `aichain query status` says "
        "what is wrong",
    ),
    "state_not_certified": (
        "no block has become final since the node started at height {height}",
        "wait for the next block; if the chain stands, see `aichain query status`",
    ),
    "server_busy": (
        "other clients of the node have not read their answers yet",
        "wait a few seconds, then try again",
    ),
    "calls_exceeded": (
        "the node serves no more calls from this address for {retry_ms} ms",
        "wait, then try again",
    ),
    "response_too_large": ("the answer would be larger than {limit_bytes} bytes", "ask for less"),
    "timed_out": ("the node did not find the answer within {limit_ms} ms", "try again later"),
    "web_socket_needed": ("{method} needs a WebSocket connection", _SUBSCRIPTION),
    "too_many_subscriptions": ("{limit} subscriptions are the most", _SUBSCRIPTION),
    "execution_reverted": ("the call reverted: {reason}", "`aichain query` asks what the node has"),
    "query_too_large": ("one answer has {limit} {what} at most", "ask for fewer blocks at once"),
    "unknown_filter": ("the node has no filter {filter}", "install it again"),
    "too_many_filters": ("{limit} filters are the most", "wait until others are forgotten"),
    "subscriber_lagged": ("more than {limit_messages} messages were not read", _SUBSCRIPTION),
    "legacy_transaction": (
        "a {variant} is a transaction of an older format, whose signature covers nothing",
        "send it with `aichain tx`",
    ),
    "not_an_ai_chain_transaction": (
        "this is not an AI-Chain transaction: {reason}",
        "send it with `aichain tx`",
    ),
}


def explain_refusal(name: str, values: Mapping[str, object]) -> tuple[str, str] | None:
    """Cause and fix of a refusal; None where its name is unknown here or its values do not fit."""
    if name not in REFUSALS:
        return None
    shown = {key: _Value(plain(value)) for key, value in values.items()}
    try:
        cause, fix = (text.format_map(shown) for text in REFUSALS[name])
    except (KeyError, ValueError, InvalidData):
        return None
    return cause, fix


def refused_here(error: AIChainError) -> CommandError:
    """A rule that was broken before anything was sent: a wrong argument."""
    known = explain_refusal(error.code, values_of(error))
    return CommandError(*known, CommandExit.USAGE) if known else explain(error)


class _Value(str):
    """A value in a sentence: as it is, or in one of the forms above."""

    def __format__(self, kind: str) -> str:
        if kind == "coins":
            return f"{format_amount(int(self))} AI"
        if kind == "next_free":
            return "none waits" if self == "None" else f"the next is free at height {self}"
        if kind == "address":
            return format_address(parse_hex(self, _ADDRESS_BYTES))
        return str(self)
