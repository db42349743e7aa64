// The transaction envelope (vm/transactions.py): what is signed, its id, its bytes.

import { bigEndian, concat, encode, encodeAmount, toHex, type Value } from "./codec.js";
import { type Algorithm, deriveHash, parseAddress, type SigningKey } from "./keys.js";

export const ROLES = { miner: 0, validator: 1, delegator: 2 } as const;
export type Role = keyof typeof ROLES;

export type Body =
  | { kind: "transfer"; to: string; amount: bigint; memo?: Uint8Array }
  | { kind: "stake" | "unstake"; role: Role; target: string; amount: bigint }
  | { kind: "withdraw" | "unjail" }
  | {
      kind: "register_validator";
      publicKey: Uint8Array;
      possession: Uint8Array;
      /** The 38 raw bytes of a libp2p peer id. */
      peerId: Uint8Array;
      commissionBps: number;
      onionHead: Uint8Array;
      onionLength: number;
      stake: bigint;
    };

export interface Transaction {
  networkId: number;
  sender: string;
  nonce: bigint;
  feeMax: bigint;
  tip: bigint;
  validUntil: bigint;
  body: Body;
}

export interface SignedTransaction {
  id: string;
  raw: string;
  validUntil: bigint;
}

const VERSION = 1;
const CONTEXT = "aichain/tx/v1";
const POSSESSION_CONTEXT = "aichain/pop/v1";
const KINDS: Record<Body["kind"], number> = {
  transfer: 0x01,
  stake: 0x14,
  unstake: 0x15,
  withdraw: 0x16,
  register_validator: 0x17,
  unjail: 0x18,
};
const TWO_ITEMS = 0x92;
/** Each signature weighs this besides its bytes (genesis/limits.py). */
const SIGNATURE_WEIGHT = 1_000;

export function unsignedBytes(transaction: Transaction): Uint8Array {
  const { networkId, sender, nonce, feeMax, tip, validUntil, body } = transaction;
  return encode([
    VERSION,
    networkId,
    KINDS[body.kind],
    parseAddress(sender),
    nonce,
    encodeAmount(feeMax),
    encodeAmount(tip),
    validUntil,
    fieldsOf(body),
  ]);
}

/** The transaction's hash; the signature covers it, and it does not cover the signature. */
export function idOf(transaction: Transaction): Uint8Array {
  return deriveHash(CONTEXT, unsignedBytes(transaction));
}

/** `reveal` shows the public key: in the first transaction of an account, and only there. */
export function signTransaction(
  transaction: Transaction,
  key: SigningKey,
  reveal: boolean,
): SignedTransaction {
  if (toHex(parseAddress(transaction.sender)) !== key.address.toLowerCase()) {
    throw new RangeError("the key is not the sender's");
  }
  const id = idOf(transaction);
  const shown = reveal ? key.publicKey : new Uint8Array();
  const raw = envelope(transaction, key.algorithm, shown, key.sign(id, CONTEXT));
  return { id: toHex(id), raw: toHex(raw), validUntil: transaction.validUntil };
}

export function envelope(
  transaction: Transaction,
  algorithm: Algorithm,
  publicKey: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  const witness = encode([algorithm, publicKey, signature]);
  return concat([Uint8Array.of(TWO_ITEMS), unsignedBytes(transaction), witness]);
}

/** What the base fee is multiplied by: bytes, and a charge for each signature. */
export function weightOf(raw: Uint8Array, body: Body): bigint {
  const signatures = body.kind === "register_validator" ? 2 : 1;
  return BigInt(raw.length + SIGNATURE_WEIGHT * signatures);
}

/** What a validator's key signs, under POSSESSION_CONTEXT, to be registered by `owner`. */
export function possessionMessage(networkId: number, owner: string, publicKey: Uint8Array): Uint8Array {
  const owned = [bigEndian(BigInt(networkId), 4), parseAddress(owner), publicKey];
  return deriveHash(POSSESSION_CONTEXT, concat(owned));
}

export function signPossession(networkId: number, owner: string, key: SigningKey): Uint8Array {
  return key.sign(possessionMessage(networkId, owner, key.publicKey), POSSESSION_CONTEXT);
}

function fieldsOf(body: Body): Value[] {
  switch (body.kind) {
    case "transfer":
      return [parseAddress(body.to), encodeAmount(body.amount), body.memo ?? new Uint8Array()];
    case "stake":
    case "unstake":
      return [ROLES[body.role], parseAddress(body.target), encodeAmount(body.amount)];
    case "withdraw":
    case "unjail":
      return [];
    case "register_validator":
      return [
        body.publicKey,
        body.possession,
        body.peerId,
        body.commissionBps,
        body.onionHead,
        body.onionLength,
        encodeAmount(body.stake),
      ];
  }
}
