// A wallet for browsers and Node: keys, addresses, transactions, messages, and a node over JSON-RPC.
export * from "./client.js";
export * from "./codec.js";
export * from "./keys.js";
export * from "./transactions.js";
