// Makes everything of the vectors again with the wallet client, and prints it as one line of JSON;
// what is true or false of a signature is said beside it.
// Usage: node wallet_vectors.mjs VECTORS
import { readFileSync } from "node:fs";
import {
  encode,
  envelope,
  formatAddress,
  fromHex,
  idOf,
  messageBytes,
  parseAddress,
  possessionMessage,
  SigningKey,
  signTransaction,
  toHex,
  unsignedBytes,
  verify,
  verifyMessage,
  weightOf,
} from "./build/index.js";

const vectors = JSON.parse(readFileSync(process.argv[2], "utf8"));

function bodyOf({ kind, ...given }) {
  const bytes = ["memo", "publicKey", "possession", "peerId", "onionHead"];
  const read = (name, value) =>
    bytes.includes(name) ? fromHex(value) : ["amount", "stake"].includes(name) ? BigInt(value) : value;
  return { kind, ...Object.fromEntries(Object.entries(given).map(([name, value]) => [name, read(name, value)])) };
}

function transactionOf(given) {
  const { networkId, sender, body } = given;
  const [nonce, feeMax, tip, validUntil] = ["nonce", "feeMax", "tip", "validUntil"].map((name) => BigInt(given[name]));
  return { networkId, sender, nonce, feeMax, tip, validUntil, body: bodyOf(body) };
}

const keys = vectors.keys.map(({ seed, level }) => new SigningKey(fromHex(seed), level));
const made = {
  keys: keys.map((key) => ({ publicKey: toHex(key.publicKey), address: key.address })),
  transactions: vectors.transactions.map((given) => {
    const transaction = transactionOf(given);
    return { unsigned: toHex(unsignedBytes(transaction)), id: toHex(idOf(transaction)) };
  }),
  envelopes: vectors.envelopes.map((given) => {
    const key = keys[given.key];
    const transaction = transactionOf(vectors.transactions[given.transaction]);
    const shown = given.reveal ? key.publicKey : new Uint8Array();
    const signature = fromHex(given.signature);
    const raw = envelope(transaction, key.algorithm, shown, signature);
    return {
      raw: toHex(raw),
      weight: `${weightOf(raw, transaction.body)}`,
      valid: verify(key.publicKey, idOf(transaction), "aichain/tx/v1", signature),
      otherwise: verify(key.publicKey, idOf(transaction), "aichain/msg/v1", signature),
      signedHere: signTransaction(transaction, key, given.reveal).raw,
    };
  }),
  messages: vectors.messages.map((given) => {
    const message = fromHex(given.message);
    return {
      covered: toHex(messageBytes(message)),
      valid: verifyMessage(given.signed, message),
      otherwise: verifyMessage(given.signed, fromHex(given.message + "00")),
      signedHere: keys[given.key].signMessage(message),
    };
  }),
  possession: toHex(
    possessionMessage(vectors.possession.networkId, vectors.possession.owner, fromHex(vectors.possession.publicKey)),
  ),
  uints: vectors.uints.map(({ value }) => toHex(encode(BigInt(value)))),
  refused: vectors.refusedAddresses.map((text) => {
    try {
      return formatAddress(parseAddress(text));
    } catch (error) {
      return error.constructor.name;
    }
  }),
};
console.log(JSON.stringify(made));
