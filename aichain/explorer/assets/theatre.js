// Seats, phases and latencies move as votes come; each view begins with empty hands.
import { on } from "./events.js";
import { count } from "./texts.js";

const PAST_ROWS = 10;
const VIEWS_KEPT = 8;
const QUORUM = 69;
const TURNS_SHOWN = 8;
const LEAST_SCALE_MS = 100;
let paused = false;

class Stage {
  constructor(root) {
    this.root = root;
    this.total = BigInt(root.dataset.total);
    this.view = Number(root.dataset.view);
    this.views = new Map();
    this.seats = new Map();
    this.rows = new Map();
    this.turns = new Map();
    for (const seat of root.querySelectorAll("[data-seat]")) this.seats.set(Number(seat.dataset.seat), seat);
    for (const row of root.querySelectorAll("[data-voter]")) this.rows.set(Number(row.dataset.voter), row);
    for (const turn of root.querySelectorAll("[data-turn]")) this.turns.set(Number(turn.dataset.turn), Number(turn.dataset.proposer));
  }

  weight(index) {
    return BigInt(this.rows.get(index)?.dataset.weight ?? 0);
  }

  at(view) {
    if (!this.views.has(view)) {
      this.views.set(view, { votes: [], first: null, weights: { prefer: 0n, commit: 0n, cancel: 0n }, quorum: {} });
      for (const old of [...this.views.keys()].sort((a, b) => a - b).slice(0, -VIEWS_KEPT)) this.views.delete(old);
    }
    return this.views.get(view);
  }

  vote(vote) {
    const seen = this.at(vote.view);
    if (seen.votes.some((each) => each.voter === vote.voter && each.phase === vote.phase)) return;
    seen.votes.push(vote);
    seen.first ??= vote.acceptedMs;
    seen.weights[vote.phase] += this.weight(vote.voter);
    if (100n * seen.weights[vote.phase] >= BigInt(QUORUM) * this.total) seen.quorum[vote.phase] ??= vote.acceptedMs;
    if (paused) return;
    if (vote.view > this.view) this.open(vote.view, vote.height);
    if (vote.view === this.view) this.show(vote, seen);
  }

  open(view, height) {
    this.view = view;
    this.root.querySelector("[data-view-number]").textContent = count(view);
    if (height) this.root.querySelector("[data-height]").textContent = count(height);
    const proposer = this.turns.get(view);
    for (const [index, seat] of this.seats) {
      seat.classList.remove("prefer", "commit", "cancel", "proposer", "silent");
      if (index === proposer) seat.classList.add("proposer");
    }
    for (const phase of ["prefer", "commit"]) this.fill(phase, 0n);
    this.passTurns(view);
  }

  // Turns that are over go, and the next ones come into sight.
  passTurns(view) {
    const rows = [...this.root.querySelectorAll("[data-turn]")];
    for (const row of rows) if (Number(row.dataset.turn) < view) row.remove();
    const left = rows.filter((row) => row.isConnected);
    left.forEach((row, place) => (row.hidden = place >= TURNS_SHOWN));
    if (left.length <= TURNS_SHOWN) askAgain();
  }

  show(vote, seen) {
    this.seats.get(vote.voter)?.classList.add(vote.phase);
    if (vote.height) this.root.querySelector("[data-height]").textContent = count(vote.height);
    if (vote.phase !== "cancel") this.fill(vote.phase, seen.weights[vote.phase]);
  }

  fill(phase, weight) {
    const tenths = Number((1000n * weight) / this.total);
    this.root.querySelector(`[data-phase=${phase}] [data-fill]`).setAttribute("width", tenths);
    this.root.querySelector(`[data-share=${phase}]`).textContent = `${Math.floor(tenths / 10)}.${tenths % 10} %`;
  }

  // A final block gives the time that latencies are counted from.
  block(block) {
    const seen = this.views.get(block.view);
    if (!seen || paused) return;
    this.latencies(seen, block);
    this.remember(seen, block);
  }

  latencies(seen, block) {
    const slowest = Math.max(...seen.votes.map((vote) => vote.acceptedMs - block.timestampMs), LEAST_SCALE_MS);
    this.scale = Math.max(slowest, Math.round((this.scale ?? slowest) * 0.9)); // it shrinks slowly
    this.root.querySelector("[data-scale]").textContent = count(this.scale);
    for (const [index, row] of this.rows) {
      const took = {};
      for (const vote of seen.votes) if (vote.voter === index) took[vote.phase] = Math.max(0, vote.acceptedMs - block.timestampMs);
      for (const phase of ["prefer", "commit"]) {
        const width = took[phase] === undefined ? 0 : Math.max(8, (1000 * took[phase]) / this.scale);
        row.querySelector(`[data-bar=${phase}]`).setAttribute("width", width);
      }
      const shown = took.commit ?? took.prefer;
      row.querySelector("[data-ms]").textContent = shown === undefined ? "–" : `${took.prefer ?? "–"} / ${took.commit ?? "–"}`;
    }
  }

  remember(seen, block) {
    const past = this.root.querySelector("[data-past]");
    if (past.querySelector(".none")) past.replaceChildren();
    const row = document.createElement("tr");
    const after = (phase) => (seen.quorum[phase] === undefined ? "–" : `${Math.max(0, seen.quorum[phase] - block.timestampMs)} ms`);
    const link = document.createElement("a");
    link.href = `/certificate/${block.height}`;
    link.textContent = count(block.height);
    const cells = [count(block.view), link, after("prefer"), after("commit"), String(seen.votes.length)];
    for (const cell of cells) {
      const place = document.createElement("td");
      place.className = "number";
      place.append(cell);
      row.append(place);
    }
    past.prepend(row);
    while (past.rows.length > PAST_ROWS) past.deleteRow(-1);
  }
}

let stages = new Map();

function findStages() {
  stages = new Map([...document.querySelectorAll(".stage")].map((root) => [root.dataset.instance, new Stage(root)]));
}

// A new epoch or term has other seats; the page of the server knows them.
let askedAt = Date.now();
async function askAgain() {
  if (Date.now() - askedAt < 2000) return;
  askedAt = Date.now();
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const old = [...document.querySelectorAll(".stage")];
  const fresh = [...page.querySelectorAll(".stage")];
  const same = old.length === fresh.length && old.every((root, at) => root.dataset.instance === fresh[at].dataset.instance);
  if (same) {
    fresh.forEach((root, at) => {
      const list = (each) => each.querySelector("[data-turn]").closest("section");
      const turns = document.adoptNode(list(root));
      list(old[at]).replaceWith(turns);
      const stage = stages.get(old[at].dataset.instance);
      stage.turns = new Map([...turns.querySelectorAll("[data-turn]")].map((turn) => [Number(turn.dataset.turn), Number(turn.dataset.proposer)]));
    });
    return;
  }
  for (const root of old.slice(1)) root.remove();
  old[0]?.replaceWith(...fresh.map((root) => document.adoptNode(root)));
  findStages();
}

const pause = document.getElementById("pause");
pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.textContent = paused ? "Go on" : "Pause";
  pause.setAttribute("aria-pressed", String(paused));
});

on("votes", (vote) => {
  const stage = stages.get(vote.instanceId);
  if (stage) stage.vote(vote);
  else if (!paused) askAgain();
});
on("newBlocks", (block) => {
  for (const stage of stages.values()) stage.block(block);
});
findStages();
