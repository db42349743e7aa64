"""The README of the room names every method and every error that callers can meet."""

from pathlib import Path

import aichain.rpc
from aichain.rpc.errors import RpcRefused
from aichain.rpc.methods import build_registry

README = (Path(aichain.rpc.__file__).parent / "README.md").read_text(encoding="utf-8")


def test_every_method_is_in_the_readme() -> None:
    missing = [
        name
        for name in build_registry(faults_enabled=True, admin=True).methods
        if f"`{name}`" not in README
    ]
    assert missing == []


def test_every_refusal_is_in_the_readme() -> None:
    codes = [refusal.__new__(refusal).code for refusal in RpcRefused.__subclasses__()]
    assert [code for code in codes if code not in README] == []
