// Listens over a WebSocket with viem as it is: says "ready", and once it heard a block, a transfer
// and a pending transaction, what they were. Usage: node viem_listening.mjs WS_URL ABI_FILE
import { readFileSync } from "node:fs";
import { createPublicClient, webSocket } from "viem";

const [url, abiFile] = process.argv.slice(2);
const abi = JSON.parse(readFileSync(abiFile, "utf8"));
const address = "0x0000000000000000000000000000000000000300";
const client = createPublicClient({ transport: webSocket(url) });
const heard = {};

function hear(name, value) {
  heard[name] ??= value;
  if (Object.keys(heard).length === 3) {
    console.log(JSON.stringify(heard));
    process.exit(0);
  }
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

client.watchBlocks({ onBlock: (block) => hear("height", Number(block.number)), onError: fail });
client.watchPendingTransactions({ onTransactions: ([hash]) => hear("pending", hash), onError: fail });
client.watchContractEvent({
  address, abi, eventName: "Transferred",
  onLogs: ([log]) => hear("amount", `${log.args.amount}`), onError: fail,
});
await new Promise((resolve) => setTimeout(resolve, 500)); // its subscriptions are sent by themselves
await client.getChainId(); // answered after them
console.log("ready");
