"""A token goes to whom it is meant for, whatever address is typed."""

from collections.abc import Mapping

import pytest

from aichain.client.tokens import token_for

OURS = {"AICHAIN_RPC_TOKEN": "t", "AICHAIN_RPC_URL": "https://node.example:8443/rpc"}
FLEET = {
    "AICHAIN_RPC_TOKEN": "t",
    "AICHAIN_RPC_TOKEN_HOSTS": " Node1.example, 10.0.0.7:3690,, [fd00::1]",
}


@pytest.mark.parametrize(
    ("url", "environ"),
    [
        ("http://127.0.0.1:3690", {"AICHAIN_RPC_TOKEN": "t"}),
        ("127.0.0.53:1", {"AICHAIN_RPC_TOKEN": "t"}),
        ("http://localhost:3700", OURS),
        ("http://[::1]:3690", OURS),
        ("https://node.example:8443", OURS),
        ("https://NODE.example:8443/other", OURS),
        ("https://node1.example", FLEET),
        ("http://node1.example:99", FLEET),
        ("http://10.0.0.7:3690", FLEET),
        ("http://[fd00::1]:3690", FLEET),
    ],
)
def test_the_token_is_sent_to_this_machine_our_node_and_named_hosts(
    url: str, environ: Mapping[str, str]
) -> None:
    assert token_for(url, environ) == "t"


@pytest.mark.parametrize(
    ("url", "environ"),
    [
        ("https://elsewhere.example", {"AICHAIN_RPC_TOKEN": "t"}),
        ("https://elsewhere.example:8443", OURS),
        ("http://node.example:8443", OURS),
        ("https://node.example", OURS),
        ("https://node.example.evil.example:8443", OURS),
        ("https://node.example:8443@evil.example", OURS),
        ("http://127.0.0.1.evil.example", OURS),
        ("http://localhost.evil.example", OURS),
        ("http://10.0.0.7:3691", FLEET),
        ("http://xnode1.example", FLEET),
        ("unix:/run/aichain/node.sock", OURS),
        ("", {"AICHAIN_RPC_TOKEN": "t", "AICHAIN_RPC_URL": ""}),
        ("http://[", OURS),
        ("http://x:99999999", OURS),
        ("http://127.0.0.1:3690", {}),
    ],
)
def test_and_to_nobody_else(url: str, environ: Mapping[str, str]) -> None:
    assert token_for(url, environ) == ""
