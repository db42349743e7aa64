// Three charts of the last blocks; new ones are added as they become final.
import { on } from "./events.js";
import { count } from "./texts.js";

const root = document.getElementById("charts");
const aim = Number(root.dataset.blockTime);
const MOST = 600;
const SMOOTHED = 10;
const columns = { heights: [], times: [], intervals: [], finality: [], carried: [] };
const charts = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function throughput() {
  return columns.heights.map((_, at) => {
    const from = Math.max(0, at - SMOOTHED);
    const span = columns.times[at] - columns.times[from];
    if (span <= 0) return null;
    return (1000 * columns.carried.slice(from + 1, at + 1).reduce((sum, each) => sum + each, 0)) / span;
  });
}

const KINDS = {
  interval: { label: "Interval", unit: "ms", colour: "--accent", values: () => columns.intervals, aim },
  finality: { label: "Final in", unit: "ms", colour: "--commit", values: () => columns.finality },
  throughput: { label: "Transactions", unit: "a second", colour: "--prefer", values: throughput },
};

function draw() {
  for (const chart of charts.splice(0)) chart.plot.destroy();
  for (const place of root.querySelectorAll("[data-chart]")) {
    const kind = KINDS[place.dataset.chart];
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const shown = (value) => (value === null || value === undefined ? "–" : `${count(Math.round(10 * value) / 10)} ${kind.unit}`);
    const options = {
      width: place.clientWidth,
      height: 220,
      scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(high * 1.1, (kind.aim ?? 0) * 1.2, 1)] } },
      axes: [{ ...axis, values: (_, values) => values.map((value) => (Number.isInteger(value) ? count(value) : "")) }, { ...axis, size: 62 }],
      series: [
        { label: "Block", value: (_, value) => (value === null ? "–" : count(value)) },
        { label: kind.label, stroke: colour(kind.colour), width: 2, fill: `${colour(kind.colour)}22`, value: (_, value) => shown(value), points: { show: false } },
      ],
    };
    charts.push({ plot: new globalThis.uPlot(options, [columns.heights, kind.values()], place), kind, place });
  }
}

function update() {
  for (const { plot, kind } of charts) plot.setData([columns.heights, kind.values()]);
}

function add(block) {
  const last = columns.heights.at(-1);
  if (last !== undefined && block.height <= last) return;
  const next = last === block.height - 1;
  columns.intervals.push(next ? block.timestampMs - columns.times.at(-1) : null);
  columns.heights.push(block.height);
  columns.times.push(block.timestampMs);
  columns.finality.push(block.finalizedAtMs === null ? null : Math.max(0, block.finalizedAtMs - block.timestampMs));
  columns.carried.push(block.transactionCount);
  if (columns.heights.length > MOST) for (const column of Object.values(columns)) column.shift();
}

// Blocks may come while the series is on its way, and some are missed while the page is hidden.
async function read() {
  const { series } = await (await fetch(root.dataset.series)).json();
  columns.heights = series.heights;
  columns.times = series.timestampsMs;
  columns.intervals = series.intervalsMs;
  columns.finality = series.finalityMs;
  columns.carried = series.transactions;
}

let reading = null;

async function follow(block) {
  const last = columns.heights.at(-1);
  if (last !== undefined && block.height > last + 1) {
    reading ??= read().finally(() => (reading = null));
    await reading;
  }
  add(block);
  update();
}

async function begin() {
  await read();
  draw();
  on("newBlocks", follow);
  new ResizeObserver(() => {
    for (const { plot, place } of charts) plot.setSize({ width: place.clientWidth, height: 220 });
  }).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

await begin();
