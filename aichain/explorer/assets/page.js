// What every page does: ages, copying, the pulse of the chain, parts that are fetched again.
import { on, start } from "./events.js";
import { age, count } from "./texts.js";

const LATE_MS = 5000;
let lastBlockMs = 0;

function showAges(root = document) {
  for (const time of root.querySelectorAll("time[data-ms]")) {
    const ms = Number(time.dataset.ms);
    if (!time.title) time.title = time.textContent;
    time.textContent = age(ms);
  }
}

function showCopies(root = document) {
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = !navigator.clipboard;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = "copied";
  setTimeout(() => (button.textContent = "copy"), 1200);
});

const pulse = document.getElementById("pulse");
const dot = pulse.querySelector(".dot");
on("newBlocks", (block) => {
  pulse.hidden = false;
  lastBlockMs = Date.now();
  const link = document.getElementById("pulse-height");
  link.textContent = count(block.height);
  link.href = `/block/${block.height}`;
  dot.classList.remove("late", "beat");
  void dot.offsetWidth; // so that the animation begins anew
  dot.classList.add("beat");
  const took = block.finalizedAtMs === null ? null : Math.max(0, block.finalizedAtMs - block.timestampMs);
  document.getElementById("pulse-note").textContent = took === null ? "" : `final in ${took} ms`;
});

// Parts with data-refresh="S" and an id come again with a new block, at most once in S seconds.
const fetchedAt = new Map();
let isFetching = false;
on("newBlocks", async () => {
  const parts = [...document.querySelectorAll("[data-refresh]")];
  const due = parts.filter(
    (part) => Date.now() - (fetchedAt.get(part.id) ?? openedAt) >= 1000 * Number(part.dataset.refresh),
  );
  if (!due.length || isFetching) return;
  isFetching = true;
  try {
    await refresh(due);
  } finally {
    isFetching = false;
  }
});

const openedAt = Date.now();

async function refresh(due) {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of due) {
    fetchedAt.set(part.id, Date.now());
    const fresh = page.getElementById(part.id);
    if (!fresh || part.contains(document.activeElement)) continue;
    part.replaceWith(document.adoptNode(fresh));
    showAges(fresh);
    showCopies(fresh);
  }
}

setInterval(() => {
  showAges();
  if (!lastBlockMs) return;
  const late = Date.now() - lastBlockMs;
  if (late < LATE_MS) return;
  dot.classList.add("late");
  document.getElementById("pulse-note").textContent = `no block for ${Math.round(late / 1000)} s`;
}, 1000);

showAges();
showCopies();
start();
