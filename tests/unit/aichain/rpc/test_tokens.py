"""The file of tokens, and who is let in by one."""

from pathlib import Path

import pytest

from aichain.errors import ConfigError
from aichain.rpc.admission import Admission, token_allowed
from aichain.rpc.http import HttpRefused, HttpRequest
from aichain.rpc.settings import RpcSettings
from aichain.rpc.tokens import TOKENS_MAX, read_tokens

TOKEN, OTHER = b"abcdefghijklmnop0123", b"ABCDEFGHIJKLMNOP-._~+/=="


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_tokens_stand_one_a_line(tmp_path: Path) -> None:
    content = b"# wallets\n" + TOKEN + b"\n\n  " + OTHER + b"\r\n"
    assert read_tokens(write(tmp_path / "tokens", content)) == (TOKEN, OTHER)


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        (b"", 0o600),
        (b"# none\n", 0o600),
        (b"short\n", 0o600),
        (TOKEN + b" two words\n", 0o600),
        (TOKEN + b"\xff\n", 0o600),
        (b"\n".join([TOKEN] * (TOKENS_MAX + 1)), 0o600),
        ((TOKEN + b"\n") * 1000, 0o600),
        (TOKEN, 0o640),
        (TOKEN, 0o604),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes, mode: int) -> None:
    with pytest.raises(ConfigError):
        read_tokens(write(tmp_path / "tokens", content, mode))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_tokens(tmp_path / "tokens")


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        (f"Bearer {TOKEN.decode()}", True),
        (f"bearer   {OTHER.decode()} ", True),
        (f"Basic {TOKEN.decode()}", False),
        (TOKEN.decode(), False),
        (f"Bearer {TOKEN.decode()}x", False),
        (f"Bearer {TOKEN.decode()[:-1]}", False),
        ("Bearer", False),
        ("Bearer \xff", False),
        ("", False),
    ],
)
def test_a_token_is_shown_whole(header: str, allowed: bool) -> None:
    assert token_allowed(header, (TOKEN, OTHER)) is allowed
    assert token_allowed(header, ())


def request(path: str = "/", method: str = "POST", **headers: str) -> HttpRequest:
    return HttpRequest(
        method=method,
        path=path,
        query="",
        version="1.1",
        headers={"host": "localhost"} | headers,
        body=b"",
        keep_alive=True,
    )


def test_who_was_let_in_is_let_in_for_what_was_shown_and_nothing_else() -> None:
    admission = Admission(RpcSettings(tokens=(TOKEN,)))
    bearer = f"Bearer {TOKEN.decode()}"
    for _ in range(2):
        admission.require(request(authorization=bearer))
        for changes, status in (
            ({}, 401),
            ({"authorization": f"Bearer {OTHER.decode()}"}, 401),
            ({"authorization": bearer, "host": "evil.example"}, 421),
            ({"authorization": bearer, "origin": "https://evil.example"}, 403),
        ):
            with pytest.raises(HttpRefused) as refused:
                admission.require(request(**changes))
            assert refused.value.status == status


def test_a_probe_without_a_token_opens_nothing() -> None:
    admission = Admission(RpcSettings(tokens=(TOKEN,)))
    for _ in range(2):
        admission.require(request("/health", "GET"))
        admission.require(request("/", "OPTIONS"))
        with pytest.raises(HttpRefused):
            admission.require(request())
