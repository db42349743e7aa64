"""The small file in which a light client keeps the newest block it knows to be final."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aichain.errors import ExitCode
from aichain.regular_file import read_regular
from aichain.shallow_json import load_shallow
from aichain.store.durable import replace_file
from consensus.light import Trust
from genesis.limits import GENESIS_VALIDATORS_MAX
from genesis.validators import VALIDATOR_FIELDS, decode_validators, encode_validators
from native.codec import decode, encode
from native.errors import AIChainError, InvalidData
from vm.blocks import decode_header

VERSION = 1
MAX_FILE_BYTES = 1 << 23  # the largest set takes 4.2 MB in hex


@dataclass(eq=False)
class TrustFileDamaged(AIChainError):
    """The file of what this light client trusts cannot be read."""

    exit_code: ClassVar[int] = ExitCode.CONFIG
    path: str
    reason: str
    fix: str = "remove it, and give a block that you trust with --trust HEIGHT:HASH"


def load_trust(path: Path) -> Trust | None:
    """What was stored; None where nothing ever was."""
    try:
        raw, _ = read_regular(path, MAX_FILE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TrustFileDamaged(str(path), error.strerror or str(error)) from None
    try:
        fields = load_shallow(raw)
        if fields["version"] != VERSION:
            raise ValueError("another version wrote it")
        header = decode_header(bytes.fromhex(fields["header"]))
        rows = bytes.fromhex(fields["validators"])
        items = GENESIS_VALIDATORS_MAX * (1 + VALIDATOR_FIELDS)
        voters = decode_validators(decode(rows, max_bytes=len(rows), max_items=items, max_depth=2))
        if voters.hash != header.vset_hash:
            raise ValueError("its validators are not those of its block")
    except (InvalidData, KeyError, TypeError, ValueError) as error:
        raise TrustFileDamaged(str(path), str(error)) from None
    return Trust(header, voters)


def store_trust(path: Path, trust: Trust) -> None:
    """Replace what was stored, whole or not at all."""
    assert trust.validators is not None, "what was verified has voters"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fields = {
        "version": VERSION,
        "height": trust.header.height,
        "hash": "0x" + trust.header.id.hex(),
        "header": trust.header.raw.hex(),
        "validators": encode(encode_validators(trust.validators)).hex(),
    }
    replace_file(path, json.dumps(fields, indent=1).encode() + b"\n")
