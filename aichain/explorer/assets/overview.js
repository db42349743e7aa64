// New blocks come to the top of the table; figures follow them.
import { on } from "./events.js";
import { age, count, short } from "./texts.js";

const table = document.getElementById("live-blocks");
const model = document.getElementById("block-row");
const most = Number(table.dataset.rows);
const names = new Map();
const recent = [];
const WINDOW = 25;

for (const link of table.querySelectorAll("a[href^='/address/']")) names.set(link.title, link.textContent);

function row(block, took) {
  const copy = model.content.cloneNode(true);
  const cells = copy.querySelectorAll("td");
  const links = copy.querySelectorAll("a");
  links[0].href = `/block/${block.height}`;
  links[0].textContent = count(block.height);
  links[1].href = `/block/${block.hash}`;
  links[1].title = block.hash;
  links[1].textContent = short(block.hash);
  links[2].href = `/address/${block.proposer}`;
  links[2].title = block.proposer;
  links[2].textContent = names.get(block.proposer) ?? short(block.proposer, 5);
  cells[3].textContent = count(block.transactionCount);
  cells[4].textContent = took === null ? "–" : `${count(took)} ms`;
  const time = copy.querySelector("time");
  time.dateTime = new Date(block.timestampMs).toISOString();
  time.dataset.ms = block.timestampMs;
  time.title = time.dateTime;
  time.textContent = age(block.timestampMs);
  return copy;
}

function set(id, text) {
  document.getElementById(id).textContent = text;
}

on("newBlocks", (block) => {
  const took = block.finalizedAtMs === null ? null : Math.max(0, block.finalizedAtMs - block.timestampMs);
  if (table.querySelector(".none")) table.replaceChildren();
  table.prepend(row(block, took));
  while (table.rows.length > most) table.deleteRow(-1);
  set("height", count(block.height));
  recent.push({ ms: block.timestampMs, took, transactions: block.transactionCount });
  if (recent.length > WINDOW) recent.shift();
  if (recent.length < 5) return; // the server's figures are of more blocks
  const span = recent.at(-1).ms - recent[0].ms;
  set("interval", count(Math.round(span / (recent.length - 1))));
  const latencies = recent.map((each) => each.took).filter((each) => each !== null).sort((a, b) => a - b);
  if (latencies.length) set("finality", count(latencies[latencies.length >> 1]));
  const carried = recent.slice(1).reduce((sum, each) => sum + each.transactions, 0);
  if (span > 0) set("throughput", ((1000 * carried) / span).toFixed(1));
});
