// Canonical msgpack (native/codec.py): unsigned integers, byte strings and arrays, each in the
// shortest form that msgpack has for it.

export type Value = bigint | number | Uint8Array | readonly Value[];

const AMOUNT_BYTES = 16;

export function encode(value: Value): Uint8Array {
  if (value instanceof Uint8Array) return concat([binHead(value.length), value]);
  if (typeof value === "bigint" || typeof value === "number") return encodeUint(BigInt(value));
  return concat([arrayHead(value.length), ...value.map(encode)]);
}

/** 16 bytes, big-endian: msgpack integers stop at 64 bits. */
export function encodeAmount(amount: bigint): Uint8Array {
  return bigEndian(amount, AMOUNT_BYTES);
}

export function bigEndian(value: bigint, size: number): Uint8Array {
  if (value < 0n || value >> BigInt(8 * size)) throw new RangeError(`${value} has not ${size} bytes`);
  const bytes = new Uint8Array(size);
  for (let place = size - 1, rest = value; place >= 0; place--, rest >>= 8n) {
    bytes[place] = Number(rest & 0xffn);
  }
  return bytes;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

export function toHex(bytes: Uint8Array): string {
  return "0x" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text: string): Uint8Array {
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  if (digits.length % 2 || !/^[0-9a-fA-F]*$/.test(digits)) throw new RangeError("not hexadecimal");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

function encodeUint(value: bigint): Uint8Array {
  if (value < 0n) throw new RangeError(`${value} is not an unsigned integer`);
  if (value < 0x80n) return bigEndian(value, 1);
  for (const [code, size] of [[0xcc, 1], [0xcd, 2], [0xce, 4], [0xcf, 8]] as const) {
    if (value >> BigInt(8 * size) === 0n) return concat([Uint8Array.of(code), bigEndian(value, size)]);
  }
  throw new RangeError(`${value} has more than 64 bits`);
}

function binHead(size: number): Uint8Array {
  if (size < 0x100) return Uint8Array.of(0xc4, size);
  if (size < 0x10000) return Uint8Array.of(0xc5, size >> 8, size & 0xff);
  return concat([Uint8Array.of(0xc6), bigEndian(BigInt(size), 4)]);
}

function arrayHead(size: number): Uint8Array {
  if (size < 0x10) return Uint8Array.of(0x90 | size);
  if (size < 0x10000) return Uint8Array.of(0xdc, size >> 8, size & 0xff);
  return concat([Uint8Array.of(0xdd), bigEndian(BigInt(size), 4)]);
}
