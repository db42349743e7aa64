// Sends coins as a browser would and waits for what becomes of them: prints it as lines of JSON.
// Usage: node wallet_session.mjs URL SEED LEVEL RECEIVER HASH_OF_ONE_THAT_FAILED
import { Client, fromHex, NotFinalInTime, Refused, SigningKey } from "./build/index.js";

const [url, seed, level, to, failed] = process.argv.slice(2);
const client = new Client(url);
const key = new SigningKey(fromHex(seed), Number(level));
const memo = new TextEncoder().encode("hi");

function say(value) {
  console.log(JSON.stringify(value, (_, each) => (typeof each === "bigint" ? `${each}` : each)));
}

for (const amount of [7n, 8n]) {
  const signed = await client.sign(key, { kind: "transfer", to, amount, memo });
  await client.send(signed);
  say({ id: signed.id, outcome: await client.waitForFinal(signed) });
}
say({ outcome: await client.waitForFinal({ id: failed, validUntil: 0n }) });
try {
  await client.send(await client.sign(key, { kind: "transfer", to, amount: 10n ** 30n }));
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  say({ refused: error.name, required: error.values.required });
}
const lost = await client.sign(key, { kind: "unjail" });
try {
  await client.waitForFinal(lost, 1);
} catch (error) {
  if (!(error instanceof NotFinalInTime)) throw error;
  say({ waiting: lost.id });
}
const { height } = await client.status();
say({ expired: await client.waitForFinal({ ...lost, validUntil: BigInt(height) }) });
