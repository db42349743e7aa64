// Listens over a WebSocket with ethers as it is: says "ready", and once it heard a block, a
// transfer and a pending transaction, what they were.
// Usage: node listening.mjs URL ABI_FILE
import { readFileSync } from "node:fs";
import { Contract, WebSocketProvider } from "ethers";

const [url, abiFile] = process.argv.slice(2);
const provider = new WebSocketProvider(url);
const abi = JSON.parse(readFileSync(abiFile, "utf8"));
const contract = new Contract("0x0000000000000000000000000000000000000300", abi, provider);
const heard = {};

function hear(name, value) {
  heard[name] ??= value;
  if (Object.keys(heard).length === 3) {
    console.log(JSON.stringify(heard));
    process.exit(0);
  }
}

await provider.on("block", (height) => hear("height", height));
await provider.on("pending", (hash) => hear("pending", hash));
await contract.on("Transferred", (_sender, _to, amount) => hear("amount", `${amount}`));
await provider.send("eth_chainId", []); // answered after the subscriptions are
console.log("ready");
