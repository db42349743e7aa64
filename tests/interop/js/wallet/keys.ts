// ML-DSA keys from 32-byte seeds (FIPS 204), their addresses, and what they sign.

import { blake3 } from "@noble/hashes/blake3.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import { fromHex, toHex } from "./codec.js";

/** By NIST security level, as the wire has them. */
export const ALGORITHMS = { 2: ml_dsa44, 3: ml_dsa65, 5: ml_dsa87 } as const;
export type Algorithm = keyof typeof ALGORITHMS;

const ADDRESS_BYTES = 20;
const MESSAGE_CONTEXT = "aichain/msg/v1";

/** BLAKE3 in derive-key mode. */
export function deriveHash(context: string, data: Uint8Array): Uint8Array {
  return blake3(data, { context: ascii(context) });
}

export class SigningKey {
  readonly publicKey: Uint8Array;
  readonly #secretKey: Uint8Array;

  constructor(
    seed: Uint8Array,
    readonly algorithm: Algorithm = 3,
  ) {
    const { publicKey, secretKey } = ALGORITHMS[algorithm].keygen(seed);
    this.publicKey = publicKey;
    this.#secretKey = secretKey;
  }

  get address(): string {
    return addressOf(this.publicKey);
  }

  /** Hedged, as FIPS 204 advises: two calls give two signatures. */
  sign(message: Uint8Array, context: string): Uint8Array {
    return ALGORITHMS[this.algorithm].sign(message, this.#secretKey, { context: ascii(context) });
  }

  /** Proof that the owner said something; it can be no transaction and no vote. */
  signMessage(message: Uint8Array): SignedMessage {
    return {
      format: "aichain-message-v1",
      address: this.address,
      publicKey: toHex(this.publicKey),
      signature: toHex(this.sign(messageBytes(message), MESSAGE_CONTEXT)),
    };
  }
}

/** What `aichain wallet sign` prints. */
export interface SignedMessage {
  format: "aichain-message-v1";
  address: string;
  publicKey: string;
  signature: string;
}

export function messageBytes(message: Uint8Array): Uint8Array {
  return deriveHash(MESSAGE_CONTEXT, message);
}

export function verifyMessage(signed: SignedMessage, message: Uint8Array): boolean {
  const publicKey = fromHex(signed.publicKey);
  if (addressOf(publicKey).toLowerCase() !== signed.address.toLowerCase()) return false;
  return verify(publicKey, messageBytes(message), MESSAGE_CONTEXT, fromHex(signed.signature));
}

export function verify(
  publicKey: Uint8Array,
  message: Uint8Array,
  context: string,
  signature: Uint8Array,
): boolean {
  const scheme = Object.values(ALGORITHMS).find((each) => each.lengths.publicKey === publicKey.length);
  if (scheme === undefined || scheme.lengths.signature !== signature.length) return false;
  return scheme.verify(signature, message, publicKey, { context: ascii(context) });
}

/** The first 20 bytes of BLAKE3(public key), with the EIP-55 checksum. */
export function addressOf(publicKey: Uint8Array): string {
  return formatAddress(blake3(publicKey).slice(0, ADDRESS_BYTES));
}

export function formatAddress(address: Uint8Array): string {
  const digits = toHex(address).slice(2);
  const checksum = toHex(keccak_256(ascii(digits))).slice(2);
  const shown = Array.from(digits, (digit, place) =>
    parseInt(checksum.charAt(place), 16) >= 8 ? digit.toUpperCase() : digit,
  );
  return "0x" + shown.join("");
}

/** Mixed case must be the EIP-55 checksum, as everywhere on this chain. */
export function parseAddress(text: string): Uint8Array {
  if (!/^0[xX][0-9a-fA-F]{40}$/.test(text)) throw new RangeError("an address is 0x and 40 digits");
  const digits = text.slice(2);
  const address = fromHex(digits);
  const mixed = digits !== digits.toLowerCase() && digits !== digits.toUpperCase();
  if (mixed && formatAddress(address).slice(2) !== digits) {
    throw new RangeError("the checksum of the address is wrong (EIP-55)");
  }
  return address;
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}
