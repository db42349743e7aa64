// A node over JSON-RPC, with `fetch` alone: where an account stands, sending, waiting for the end.

import { ALGORITHMS, type SigningKey } from "./keys.js";
import {
  type Body,
  envelope,
  type SignedTransaction,
  signTransaction,
  type Transaction,
  weightOf,
} from "./transactions.js";

export interface Status {
  network: string;
  chainId: number;
  height: number;
  baseFee: string;
  accountCreationFee: string;
}

export interface Account {
  exists: boolean;
  balance: string;
  nonce: number;
  pendingNonce: number;
  algorithm: string | null;
}

export interface Receipt {
  ok: boolean;
  error: string | null;
  feeBurned: string;
}

export type Outcome =
  | { kind: "final"; height: number; receipt: Receipt }
  | { kind: "failed"; height: number; receipt: Receipt; error: string }
  | { kind: "expired"; validUntil: bigint; height: number };

/** The node refused; `name` is stable (aichain/rpc/README.md), and `values` say what disagrees. */
export class Refused extends Error {
  constructor(
    override readonly name: string,
    message: string,
    readonly values: Readonly<Record<string, string>>,
  ) {
    super(message);
  }
}

/** Not final after the time given; it may still become so. */
export class NotFinalInTime extends Error {}

/** The node is of another network than the one that this client signs for. */
export class OtherNetwork extends Error {}

export interface Options {
  token?: string;
  /** Sign for this network alone; without it for whichever the node names. */
  networkId?: number;
  /** For each call, until its answer is whole. */
  timeoutMs?: number;
}

const VALID_BLOCKS = 1_200n;
const FEE_ROOM = 16n;
const POLL_MS = 100;
const TIMEOUT_MS = 10_000;

export class Client {
  #lastId = 0;

  constructor(
    readonly url = "http://127.0.0.1:3690",
    readonly options: Options = {},
  ) {}

  async call<T>(method: string, ...params: unknown[]): Promise<T> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    const { token, timeoutMs = TIMEOUT_MS } = this.options;
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    const id = ++this.#lastId;
    const body = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    const signal = AbortSignal.timeout(timeoutMs);
    const given: RequestInit = { method: "POST", headers, body, redirect: "error", signal };
    const response = await fetch(this.url, given);
    const answer = (await response.json()) as {
      id?: unknown;
      result?: T;
      error?: { message: string; data?: { code?: string } & Record<string, string> };
    };
    if (answer.error) {
      const { code, ...values } = answer.error.data ?? {};
      throw new Refused(code ?? "", answer.error.message, values as Record<string, string>);
    }
    if (answer.result === undefined || answer.id !== id) throw new TypeError("the answer is not one of a node");
    return answer.result;
  }

  status(): Promise<Status> {
    return this.call("aichain_status");
  }

  account(address: string): Promise<Account> {
    return this.call("aichain_getAccount", address);
  }

  /** The next transaction of the key's account, signed and not sent. */
  async sign(key: SigningKey, body: Body, tip = 0n): Promise<SignedTransaction> {
    const [status, account] = await Promise.all([this.status(), this.account(key.address)]);
    const { networkId = status.chainId } = this.options;
    if (networkId !== status.chainId) {
      throw new OtherNetwork(`this signs for network ${networkId}, the node is of ${status.chainId}`);
    }
    const reveal = account.algorithm === null;
    const unpriced: Transaction = {
      networkId,
      sender: key.address,
      nonce: BigInt(account.pendingNonce),
      feeMax: 0n,
      tip,
      validUntil: BigInt(status.height) + VALID_BLOCKS,
      body,
    };
    const { lengths } = ALGORITHMS[key.algorithm];
    const shown = new Uint8Array(reveal ? key.publicKey.length : 0);
    const blank = envelope(unpriced, key.algorithm, shown, new Uint8Array(lengths.signature!));
    const opens = body.kind === "transfer" ? BigInt(status.accountCreationFee) : 0n;
    const feeMax = opens + FEE_ROOM * BigInt(status.baseFee) * weightOf(blank, body);
    return signTransaction({ ...unpriced, feeMax }, key, reveal);
  }

  /** Submit; its hash. */
  async send(signed: SignedTransaction): Promise<string> {
    await this.call<string>("aichain_sendTransaction", signed.raw);
    return signed.id;
  }

  /** What became of a transaction that was sent. */
  async waitForFinal(signed: SignedTransaction, timeoutMs = 30_000): Promise<Outcome> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      // The height first: what is not there after it was read can be in no block up to it.
      const { height } = await this.status();
      const found = await this.call<Standing | null>("aichain_getTransaction", signed.id);
      if (found?.receipt && found.height !== null) {
        const { receipt, height: place } = found;
        if (found.status === "final") return { kind: "final", height: place, receipt };
        if (found.status === "failed") {
          return { kind: "failed", height: place, receipt, error: receipt.error ?? "" };
        }
      }
      const waits = found === null || found.status === "pending";
      if (waits && BigInt(height) >= signed.validUntil) {
        return { kind: "expired", validUntil: signed.validUntil, height };
      }
      if (Date.now() > deadline) throw new NotFinalInTime(`${signed.id} is not final yet`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

interface Standing {
  status: "pending" | "included" | "final" | "failed";
  height: number | null;
  receipt: Receipt | null;
}
