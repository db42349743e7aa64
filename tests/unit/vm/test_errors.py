"""Errors: families, codes and the values that disagree."""

import inspect
from typing import Any

from genesis.limits import ERROR_CODE_MAX_BYTES
from native.errors import InvalidData
from vm import errors, validator_errors
from vm.errors import BodyMismatch, InvalidBlock, InvalidTransaction, NonceMismatch

CLASSES: list[Any] = [
    each
    for module in (errors, validator_errors)
    for _, each in inspect.getmembers(module, inspect.isclass)
    if each.__module__ == module.__name__
]


def test_every_error_is_somebodys_bad_data() -> None:
    assert len(CLASSES) > 50
    assert all(issubclass(each, InvalidData) for each in CLASSES)


def test_a_body_that_does_not_fit_is_not_the_blocks_fault() -> None:
    assert not issubclass(BodyMismatch, InvalidBlock)


def test_codes_fit_into_a_receipt_and_are_unique() -> None:
    codes = [each.code.fget(each.__new__(each)) for each in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(len(code) <= ERROR_CODE_MAX_BYTES and code.isascii() for code in codes)


def test_an_error_shows_what_disagrees() -> None:
    error = NonceMismatch(expected=3, given=5)
    assert isinstance(error, InvalidTransaction)
    assert error.code == "nonce_mismatch"
    assert "expected=3 given=5" in str(error)
