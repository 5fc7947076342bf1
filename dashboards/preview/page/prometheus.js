// Questions to Prometheus, which the preview's server passes on, and the steps and windows that Grafana would choose.

import { written } from "./time.js";

const PATIENCE = 40e3; // longer than the server waits, so that its words arrive

async function fetched(path, signal) {
  let answer;
  try {
    answer = await fetch(path, { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)].filter(Boolean)) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error("the preview does not answer: does `windsock dashboards preview` still run?");
  }
  let content;
  try {
    content = await answer.json();
  } catch {
    if (signal?.aborted) throw signal.reason;
    throw new Error(answer.ok ? "what answers for Prometheus speaks no JSON" : `the preview answers ${answer.status}`);
  }
  if (!answer.ok) throw new Error(content.error ?? `the preview answers ${answer.status}`);
  return content;
}

export const get = (path) => fetched(path);

export async function ask(path, parameters, signal) {
  const content = await fetched(`/api/v1/${path}?${new URLSearchParams(parameters)}`, signal);
  if (!content.data) throw new Error("what answers for Prometheus is no Prometheus");
  return content.data;
}

const NICE = [
  [15, 10],
  [35, 20],
  [75, 50],
  [150, 100],
  [350, 200],
  [750, 500],
  [1500, 1e3],
  [3500, 2e3],
  [7500, 5e3],
  [12500, 1e4],
  [17500, 15e3],
  [25e3, 2e4],
  [45e3, 3e4],
  [9e4, 6e4],
  [21e4, 12e4],
  [45e4, 3e5],
  [75e4, 6e5],
  [105e4, 9e5],
  [15e5, 12e5],
  [27e5, 18e5],
  [54e5, 36e5],
  [9e6, 72e5],
  [162e5, 108e5],
  [324e5, 216e5],
  [864e5, 432e5],
  [6048e5, 864e5],
  [18144e5, 6048e5],
];
const MOST = 11000; // points of a series that Prometheus returns

// Milliseconds: `interval` between two points, and `rate`, a window that holds four scrapes at least.
export function timing({ from, to }, points, least, scrape) {
  const wanted = (to - from) / points;
  const rounded = NICE.find(([below]) => wanted < below)?.[1] ?? 2592e6;
  const interval = Math.max(rounded, least, Math.ceil((to - from) / MOST / 1000) * 1000);
  return { interval, rate: Math.max(interval + scrape, 4 * scrape) };
}

// What $__… is in an expression.
export function timeScope({ from, to }, { interval, rate }) {
  const seconds = Math.round((to - from) / 1000);
  const at = (moment) => (path, format) => {
    if (!format?.startsWith("date")) return String(moment);
    return format === "date:seconds" ? String(Math.floor(moment / 1000)) : new Date(moment).toISOString();
  };
  return {
    __interval: written(interval),
    __interval_ms: String(interval),
    __rate_interval: written(rate),
    __rate_interval_ms: String(rate),
    __range: `${seconds}s`,
    __range_s: String(seconds),
    __range_ms: String(seconds * 1000),
    __from: at(from),
    __to: at(to),
  };
}

// One value of each series at the end, or values all along.
export function run(target, expression, { from, to }, interval, signal) {
  if (target.instant || (target.range === false && target.instant !== false)) {
    return ask("query", { query: expression, time: to / 1000 }, signal);
  }
  const { start, end } = aligned({ from, to }, interval);
  return ask("query_range", { query: expression, start: start / 1000, end: end / 1000, step: interval / 1000 }, signal);
}

// Points stand at multiples of the step, so that a refresh moves none.
export function aligned({ from, to }, interval) {
  return { start: Math.floor(from / interval) * interval, end: Math.floor(to / interval) * interval };
}
