// Reads a chain with ethers as it is, and prints what it found as one line of JSON.
// Usage: node reading.mjs URL ABI_FILE TRANSACTION ACCOUNT
import { readFileSync } from "node:fs";
import { Contract, JsonRpcProvider } from "ethers";

const [url, abiFile, hash, account] = process.argv.slice(2);
const provider = new JsonRpcProvider(url);
const abi = JSON.parse(readFileSync(abiFile, "utf8"));
const contract = new Contract("0x0000000000000000000000000000000000000300", abi, provider);

async function refusal(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    return `${error.code} ${error.message}`;
  }
}

const transaction = await provider.getTransaction(hash);
const receipt = await provider.waitForTransaction(hash, 1, 10_000);
const full = await provider.getBlock(transaction.blockNumber, true);
const transfers = await contract.queryFilter(contract.filters.Transferred(null, account), 0);
const rewards = await contract.queryFilter("BlockRewarded", 0);
const found = {
  chainId: (await provider.getNetwork()).chainId,
  height: await provider.getBlockNumber(),
  balance: await provider.getBalance(account),
  nonce: await provider.getTransactionCount(transaction.from),
  type: transaction.type,
  value: transaction.value,
  creates: transaction.creates ?? null,
  prefetched: full.prefetchedTransactions.map((each) => each.hash),
  status: receipt.status,
  fee: receipt.fee,
  receiptLogs: receipt.logs.length,
  events: receipt.logs.map((log) => contract.interface.parseLog(log).name),
  transfers: transfers.map((log) => [log.args.to, log.args.amount, log.args.memo]),
  rewardedBlocks: rewards.map((log) => log.blockNumber),
  gasPrice: (await provider.getFeeData()).gasPrice,
  estimate: await provider.estimateGas({ to: account, value: 1n, data: "0x6d656d6f" }),
  code: await provider.getCode(contract.target),
  miningBalance: await contract.miningBalance(account),
  level: await contract.getSecurityLevel("0x" + "00".repeat(1312)),
  reverted: await refusal(contract.deriveAddress("0x00")),
  refused: await refusal(provider.send("eth_sendRawTransaction", ["0x02f8" + "00".repeat(80)])),
};
console.log(JSON.stringify(found, (_, value) => (typeof value === "bigint" ? `${value}` : value)));
provider.destroy();
