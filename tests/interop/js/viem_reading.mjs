// Reads a chain with viem as it is, over HTTP and over a WebSocket, and prints what it found as one
// line of JSON. Usage: node viem_reading.mjs HTTP_URL WS_URL ABI_FILE TRANSACTION ACCOUNT
import { readFileSync } from "node:fs";
import { createPublicClient, defineChain, http, webSocket } from "viem";

const [httpUrl, wsUrl, abiFile, hash, account] = process.argv.slice(2);
const abi = JSON.parse(readFileSync(abiFile, "utf8"));
const address = "0x0000000000000000000000000000000000000300";

const probe = createPublicClient({ transport: http(httpUrl) });
const chain = defineChain({
  id: await probe.getChainId(),
  name: "AI-Chain",
  nativeCurrency: { name: "AI", symbol: "AI", decimals: 18 },
  rpcUrls: { default: { http: [httpUrl], webSocket: [wsUrl] } },
});

async function refusal(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return `${error.name} ${error.details ?? error.shortMessage}`;
  }
}

async function read(client) {
  const transaction = await client.getTransaction({ hash });
  const receipt = await client.waitForTransactionReceipt({ hash, timeout: 10_000 });
  const full = await client.getBlock({
    blockNumber: transaction.blockNumber,
    includeTransactions: true,
  });
  const transfers = await client.getContractEvents({
    address, abi, eventName: "Transferred", args: { to: account }, fromBlock: 0n,
  });
  const fees = await client.estimateFeesPerGas();
  const history = await client.getFeeHistory({ blockCount: 1, rewardPercentiles: [50] });
  return {
    chainId: await client.getChainId(),
    height: await client.getBlockNumber(),
    balance: await client.getBalance({ address: account }),
    nonce: await client.getTransactionCount({ address: transaction.from }),
    typeHex: transaction.typeHex,
    value: transaction.value,
    listed: full.transactions.map((each) => each.hash),
    baseFee: full.baseFeePerGas,
    price: receipt.effectiveGasPrice,
    status: receipt.status,
    receiptLogs: receipt.logs.length,
    transfers: transfers.map(({ args }) => [args.to, args.amount, args.memo]),
    gasPrice: await client.getGasPrice(),
    tip: fees.maxPriorityFeePerGas,
    covers: fees.maxFeePerGas >= history.baseFeePerGas.at(-1),
    estimate: await client.estimateGas({ account: transaction.from, to: account, value: 1n }),
    code: await client.getCode({ address }),
    miningBalance: await client.readContract({
      address, abi, functionName: "miningBalance", args: [account],
    }),
    level: await client.readContract({
      address, abi, functionName: "getSecurityLevel", args: ["0x" + "00".repeat(1312)],
    }),
    reverted: await refusal(
      client.readContract({ address, abi, functionName: "deriveAddress", args: ["0x00"] }),
    ),
    refused: await refusal(
      client.sendRawTransaction({ serializedTransaction: "0x02f8" + "00".repeat(80) }),
    ),
  };
}

const overHttp = await read(createPublicClient({ chain, transport: http(httpUrl) }));
const overSocket = await read(createPublicClient({ chain, transport: webSocket(wsUrl) }));
const found = { overHttp, overSocket };
console.log(JSON.stringify(found, (_, value) => (typeof value === "bigint" ? `${value}` : value)));
process.exit(0);
