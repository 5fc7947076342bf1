// State timeline and status history: a row for each series, its states along the time.

import { named, over } from "./colors.js";
import { element, scale } from "./dom.js";
import { show, span } from "./display.js";
import { menu, resolved } from "./links.js";
import { clock, ticks } from "./time.js";
import { hideTip, tip } from "./tooltip.js";

const MOST = 100; // rows
const LABEL = 150; // pixels for a row's name at most, on a laptop

export function draw(body, frames, context) {
  const { panel, range } = context;
  const found = frames.flatMap((frame) => {
    const times = frame.fields.find(({ type }) => type === "time")?.values ?? [];
    return frame.fields.filter(({ type }) => type !== "time").map((one) => ({ one, times }));
  });
  const shown = found.slice(0, MOST);
  const rows = shown.map(({ one, times }, index) => {
    const looks = { index, bounds: span([one], one.config) };
    const parts = (panel.type === "status-history" ? cells : spans)(one, times, range);
    const track = parts.map((part) => segment(part, one, looks, range, context));
    return element(
      "li",
      {},
      element("span", { class: "name", title: one.display }, one.display),
      element("span", { class: "track" }, track),
    );
  });
  const width = Math.max(100, body.clientWidth - LABEL * scale());
  const marks = ticks(range, width / 70 / scale()).map(({ at, label }) =>
    element("span", { style: { left: place(at, range) } }, label),
  );
  const below = panel.options?.legend?.showLegend === false ? undefined : words(panel.fieldConfig?.defaults?.mappings);
  body.replaceChildren(
    element("div", { class: "timelines" }, element("ul", {}, rows), element("div", { class: "times" }, marks), below),
  );
  return { note: found.length > MOST ? `the first ${MOST} of ${found.length} rows` : "" };
}

// The meaning of the colours.
function words(mappings = []) {
  const results = mappings.flatMap(({ type, options }) =>
    type === "value" ? Object.values(options) : [options.result],
  );
  const items = results.map(({ text, color }) =>
    element("span", { class: "item" }, element("i", { style: { background: named(color) } }), text),
  );
  return items.length ? element("div", { class: "legend" }, items) : undefined;
}

const place = (at, { from, to }) => `${((100 * (at - from)) / (to - from)).toFixed(3)}%`;

// Neighbours of the same value are one.
function spans(one, times, { to }) {
  const parts = [];
  times.forEach((at, index) => {
    const value = one.values[index];
    const last = parts.at(-1);
    if (last && Object.is(last.value, value)) return;
    if (last) last.to = at;
    parts.push({ from: at, to, value });
  });
  return parts.filter(({ value }) => value !== null);
}

function cells(one, times, { to }) {
  const length = times.length > 1 ? times[1] - times[0] : 6e4;
  return times
    .map((at, index) => ({ from: at, to: Math.min(at + length * 0.9, to), value: one.values[index] }))
    .filter(({ value }) => value !== null);
}

function segment({ from, to, value }, one, looks, range, context) {
  const shown = show(one, value, looks);
  const [start, end] = [Math.max(from, range.from), Math.min(to, range.to)];
  const { showValue = "auto" } = context.panel.options ?? {};
  const isWide = (end - start) / (range.to - range.from) > 0.05;
  const words = showValue === "never" || (showValue === "auto" && !isWide) ? "" : shown.text;
  const lines = [element("b", {}, one.display), `${shown.text}`, `${clock(from)} – ${clock(to, false)} UTC`];
  const links = resolved(one.config.links, context.scope, { field: one, ...shown, time: from });
  return element(
    "span",
    {
      class: "state",
      "data-text": shown.text,
      style: {
        left: place(start, range),
        width: `calc(${place(range.from + end - start, range)} - 1px)`,
        background: shown.color,
        color: over(shown.color),
      },
      onpointermove: (event) =>
        tip(
          event,
          lines.map((line) => element("div", {}, line)),
        ),
      onpointerleave: hideTip,
      onclick: (event) => links.length && menu(event, one.display, links),
    },
    words,
  );
}
