"""The TypeScript wallet client: byte for byte what Python makes, and against a node."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trio

from aichain.client.messages import SignedMessage, verify_message
from genesis.networks import account_key
from genesis.units import AI, address_of_key, format_address
from native.signatures import Algorithm, SigningKey, verify
from tests.builders_wallet import KEYS
from tests.interop.npm_clients import JS, npm_clients
from tests.unit.aichain.rpc.fake_backend import NETWORK, STRANGER
from tests.unit.aichain.rpc.serving import served
from vm.bodies import Transfer
from vm.queries import account_view
from vm.transactions import TRANSACTION_CONTEXT, decode_transaction

VECTORS = Path(__file__).parents[1] / "vectors/wallet.json"
README = Path(__file__).parent / "js" / "wallet" / "README.md"
DEADLINE_S = 60

pytestmark = pytest.mark.usefixtures("compiled")


@pytest.fixture(scope="module")
def compiled() -> None:
    """What `tsc` makes of js/wallet, in js/build."""
    command = [str(npm_clients() / "tsc"), "-p", str(JS / "wallet")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stdout


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def test_both_sides_make_the_vectors() -> None:
    command = ["node", str(JS / "wallet_vectors.mjs"), str(VECTORS)]
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    made, expected = json.loads(done.stdout), json.loads(VECTORS.read_text("utf-8"))
    assert made["keys"] == picked(expected["keys"], "publicKey", "address")
    assert made["transactions"] == picked(expected["transactions"], "unsigned", "id")
    assert picked(made["envelopes"], "raw", "weight") == picked(
        expected["envelopes"], "raw", "weight"
    )
    assert picked(made["messages"], "covered") == picked(expected["messages"], "covered")
    assert made["possession"] == expected["possession"]["message"]
    assert made["uints"] == [each["raw"] for each in expected["uints"]]
    assert made["refused"] == ["RangeError"] * len(expected["refusedAddresses"])
    for each in made["envelopes"] + made["messages"]:
        assert (each["valid"], each["otherwise"]) == (True, False)
    for given, each in zip(expected["envelopes"], made["envelopes"], strict=True):
        signed, key = decode_transaction(raw(each["signedHere"])), KEYS[given["key"]]
        assert signed.id == raw(expected["transactions"][given["transaction"]]["id"])
        assert verify(key.public_key, signed.id, TRANSACTION_CONTEXT, signed.signature)
    for given, each in zip(expected["messages"], made["messages"], strict=True):
        told = SignedMessage.from_json(json.dumps(each["signedHere"]))
        verify_message(told, raw(given["message"]))


def picked(rows: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in names} for row in rows]


@pytest.mark.parametrize("algorithm", Algorithm)
async def test_coins_are_sent_from_a_browsers_wallet(algorithm: Algorithm) -> None:
    key = SigningKey.from_seed(bytes([7, algorithm]) * 16, algorithm)
    address = address_of_key(key.public_key)
    async with served() as node, trio.open_nursery() as nursery:
        backend = node.backend
        failing = backend.failing()
        backend.extend([backend.sign(Transfer(address, AI), account=0), failing])

        async def make_blocks() -> None:
            while True:
                backend.extend(list(backend.pool.values()))
                await trio.sleep(0.05)

        nursery.start_soon(make_blocks)
        url = f"http://127.0.0.1:{node.port}"
        command = ["node", str(JS / "wallet_session.mjs"), url, "0x" + key.seed.hex()]
        command += [str(int(algorithm)), format_address(STRANGER), "0x" + failing.id.hex()]
        with trio.fail_after(DEADLINE_S):
            done = await trio.run_process(
                command, capture_stdout=True, capture_stderr=True, check=False
            )
        nursery.cancel_scope.cancel()
    assert done.returncode == 0, done.stderr.decode()
    paid, again, failed, refused, waiting, expired = map(json.loads, done.stdout.splitlines())
    assert (paid["outcome"]["kind"], again["outcome"]["kind"]) == ("final", "final")
    found = [each for view in backend.views for each in view.block.transactions]
    first, second = (each for each in found if each.transaction.sender == address)
    assert first.transaction.body == Transfer(STRANGER, 7, b"hi")
    assert (paid["id"], first.public_key) == ("0x" + first.id.hex(), key.public_key)
    assert (again["id"], second.public_key) == ("0x" + second.id.hex(), b"")
    assert failed["outcome"]["kind"] == "failed"
    assert failed["outcome"]["error"] == "validator_unknown"
    assert refused["refused"] == "insufficient_balance"
    assert int(refused["required"]) > 10**30
    assert waiting["waiting"].startswith("0x")
    assert expired["expired"]["kind"] == "expired"


ASKING = """
import { Client, SigningKey } from "./build/index.js";
const client = new Client(process.argv[1], JSON.parse(process.argv[2]));
const asked = process.argv[3] === "status" ? client.status() : client.sign(
  new SigningKey(new Uint8Array(32).fill(1), 3), { kind: "unjail" });
console.log(await asked.then(() => "taken", (error) => error.constructor.name));
"""


async def what_becomes_of(question: str, url: str, **options: object) -> str:
    command = ["node", "--input-type=module", "-e", ASKING, url, json.dumps(options), question]
    with trio.fail_after(DEADLINE_S):
        done = await trio.run_process(command, cwd=JS, capture_stdout=True, capture_stderr=True)
    return done.stdout.decode().strip()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b'200 OK\r\n\r\n{"jsonrpc":"2.0","id":1,"result":{}}', "taken"),
        (b'200 OK\r\n\r\n{"jsonrpc":"2.0","id":2,"result":{}}', "TypeError"),
        (b"307 Temporary Redirect\r\nlocation: /again\r\n\r\n", "TypeError"),
        (None, "DOMException"),
    ],
    ids=["honest", "of another question", "redirection", "none"],
)
async def test_an_answer_is_to_the_question_from_the_node_and_in_time(
    answer: bytes | None, error: str
) -> None:
    asked = 0

    async def reply(stream: trio.SocketStream) -> None:
        nonlocal asked
        async with stream:
            request = b""
            while b"aichain_status" not in request:
                more = await stream.receive_some(4096)
                if not more:
                    return  # a connection that was not needed
                request += more
            asked += 1
            if answer is None:
                await trio.sleep_forever()
            else:
                await stream.send_all(b"HTTP/1.1 " + answer)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, reply, 0)
        url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        timeout_ms = 300 if answer is None else 10_000
        assert await what_becomes_of("status", url, timeoutMs=timeout_ms) == error
        nursery.cancel_scope.cancel()
    assert asked == 1


async def test_it_signs_for_the_network_that_it_is_told_alone() -> None:
    async with served() as node:
        url, ours = f"http://127.0.0.1:{node.port}", node.backend.document.network_id
        assert await what_becomes_of("sign", url, networkId=ours) == "taken"
        assert await what_becomes_of("sign", url, networkId=ours + 1) == "OtherNetwork"


async def test_the_example_of_the_readme_runs() -> None:
    (source,) = re.findall(r"```js\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    key = account_key(NETWORK, 1)
    async with served() as node, trio.open_nursery() as nursery:
        backend = node.backend

        async def make_blocks() -> None:
            while True:
                backend.extend(list(backend.pool.values()))
                await trio.sleep(0.05)

        nursery.start_soon(make_blocks)
        given = (
            f"const seed = Uint8Array.from({list(key.seed)});"
            f"const to = {json.dumps(format_address(STRANGER))};"
        )
        program = given + source.replace("127.0.0.1:3690", f"127.0.0.1:{node.port}")
        command = ["node", "--input-type=module", "-e", program + "console.log(outcome.kind)"]
        with trio.fail_after(DEADLINE_S):
            done = await trio.run_process(
                command, cwd=JS, capture_stdout=True, capture_stderr=True, check=False
            )
        nursery.cancel_scope.cancel()
    assert done.stdout == b"final\n", done.stderr.decode()
    assert account_view(backend.state, STRANGER).balance == 5 * AI // 2


def test_the_public_test_accounts_are_the_same_in_both() -> None:
    """The address that people see in both wallets."""
    key = account_key("testnet", 0)
    script = (
        f"import {{ SigningKey, fromHex }} from {json.dumps(str(JS / 'build/index.js'))};"
        f"console.log(new SigningKey(fromHex('{key.seed.hex()}')).address)"
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    assert done.stdout.strip() == format_address(address_of_key(key.public_key))
