"""Validators, and how present they were, as results."""

from collections.abc import Sequence

from msgspec import UNSET

from aichain.rpc.backend import Uptime
from aichain.rpc.render.texts import show_bytes
from aichain.rpc.results import validators as results
from genesis.units import format_address
from genesis.validators import Validator, ValidatorSet
from native.node_keys import peer_id_text
from vm.queries import ValidatorView


def show_validators(
    height: int, validators: ValidatorSet, registered: Sequence[ValidatorView] | None = None
) -> results.Validators:
    return results.Validators(
        height=height,
        vset_hash=show_bytes(validators.hash),
        total_stake=str(validators.total_stake),
        validators=[show_validator(index, each) for index, each in enumerate(validators)],
        registered=UNSET if registered is None else [show_registered(view) for view in registered],
    )


def show_validator(index: int, validator: Validator) -> results.Validator:
    return results.Validator(
        index=index,
        address=format_address(validator.address),
        stake=str(validator.stake),
        peer_id=peer_id_text(validator.peer_id),
        public_key=show_bytes(validator.public_key),
    )


def show_registered(view: ValidatorView) -> results.RegisteredValidator:
    return results.RegisteredValidator(
        address=format_address(view.address),
        registration=view.index,
        set_index=view.set_index,
        stake=str(view.stake),
        voting_stake=str(view.voting_stake),
        commission_bps=view.commission_bps,
        jailed_until=view.jailed_until,
        tombstoned=view.is_tombstoned,
        onion_head=show_bytes(view.onion_head),
        onion_length=view.onion_length,
        onion_renewals=view.onion_renewals,
        peer_id=peer_id_text(view.peer_id),
    )


def show_uptime(uptime: Uptime, parts: Sequence[Uptime] = ()) -> results.Uptime:
    return results.Uptime(
        first_height=uptime.first_height,
        last_height=uptime.last_height,
        certificates=uptime.certificates,
        validators=_show_attendances(uptime),
        parts=[_show_part(part) for part in parts] if parts else UNSET,
    )


def _show_part(part: Uptime) -> results.UptimePart:
    return results.UptimePart(
        first_height=part.first_height,
        last_height=part.last_height,
        certificates=part.certificates,
        validators=_show_attendances(part),
    )


def _show_attendances(uptime: Uptime) -> list[results.Attendance]:
    return [
        results.Attendance(
            address=format_address(each.address),
            proposed=each.proposed,
            missed=each.missed,
            signed=each.signed,
            certificates=each.certificates,
            signed_permille=1000 * each.signed // each.certificates if each.certificates else None,
        )
        for each in uptime.validators
    ]
