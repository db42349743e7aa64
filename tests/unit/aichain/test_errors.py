"""Every failure that ends the process has its own exit code and says what to do."""

import pytest

from aichain import errors
from aichain.errors import ExitCode, NodeError, NotPooled
from native.errors import AIChainError, InvalidData


def kinds_of(base: type[AIChainError]) -> list[type[AIChainError]]:
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, base) and each is not base
    ]


FATAL = [each for each in kinds_of(NodeError) if vars(each).get("exit_code")]


def test_exit_codes_are_not_shared() -> None:
    codes = [vars(each)["exit_code"] for each in FATAL]
    assert len(codes) == len(set(codes)) >= 8
    assert ExitCode.OK not in codes


@pytest.mark.parametrize("kind", FATAL)
def test_what_ends_the_process_names_a_fix(kind: type[AIChainError]) -> None:
    assert "fix" in vars(kind)["__dataclass_fields__"]


@pytest.mark.parametrize("kind", kinds_of(NotPooled))
def test_a_refusal_of_the_pool_answers_callers(kind: type[AIChainError]) -> None:
    assert issubclass(kind, InvalidData)
    assert not issubclass(kind, NodeError)


def test_an_error_renders_its_fields() -> None:
    error = errors.StoreCorrupt(path="/x/state", reason="no tip is recorded")
    assert "no tip is recorded" in str(error)
    assert error.code == "store_corrupt"
    assert "peers" in error.fix
