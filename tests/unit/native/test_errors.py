"""The error tree: what an error says about itself."""

from dataclasses import dataclass

from native.errors import AIChainError, DecodeError, InvalidData, InvalidSignature


@dataclass(eq=False)
class NonceMismatch(InvalidData):
    expected: int
    given: int


@dataclass(eq=False)
class WrongRoot(InvalidData):
    root: bytes


class RPCTooSlow(AIChainError):
    pass


def test_an_error_is_told_by_its_name_and_the_numbers_that_disagree() -> None:
    assert str(NonceMismatch(expected=3, given=5)) == "NonceMismatch: expected=3 given=5"


def test_an_error_of_prose_is_told_by_its_prose() -> None:
    assert str(DecodeError("too short")) == "DecodeError: too short"


def test_a_fix_is_not_part_of_what_is_wrong() -> None:
    """Whoever shows an error shows its fix beside it: in the sentence it would be said twice."""

    @dataclass(eq=False)
    class PortTaken(AIChainError):
        port: int
        fix: str = "choose another"

    @dataclass(eq=False)
    class Wrong(AIChainError):
        reason: str
        fix: str = "mend it"

    assert str(PortTaken(5)) == "PortTaken: port=5"
    assert str(Wrong("it leaks")) == "Wrong: it leaks"


def test_bytes_are_shown_in_hexadecimal_and_cut() -> None:
    assert str(WrongRoot(b"\x01\xff")) == "WrongRoot: root=0x01ff"
    assert str(WrongRoot(bytes(40))) == f"WrongRoot: root=0x{'00' * 32}… (40 bytes)"


def test_the_code_is_the_class_name_in_snake_case() -> None:
    assert NonceMismatch(1, 2).code == "nonce_mismatch"
    assert RPCTooSlow().code == "rpc_too_slow"
    assert InvalidSignature("vote").code == "invalid_signature"


def test_an_error_without_fields_still_says_its_arguments() -> None:
    assert str(RPCTooSlow("after", 3)) == "RPCTooSlow after 3"


def test_two_errors_of_one_rule_are_not_equal_so_tracebacks_can_hold_them() -> None:
    assert NonceMismatch(1, 2) != NonceMismatch(1, 2)
    assert hash(NonceMismatch(1, 2)) != hash(None)
