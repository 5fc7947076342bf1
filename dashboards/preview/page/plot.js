// The ground that plotly draws on: a time axis below, values with units at the left, no mark-up from labels.

import { scale } from "./dom.js";
import { format, step } from "./units.js";

const GRID = "rgba(204,204,220,0.10)";
const INK = "#A9ABB5";
const MOST = 50; // marks on an axis

// plotly reads a little HTML in texts: a label is none.
export const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// An axis of values from `low` to `high` whose marks are in the unit.
export function valueAxis([low, high], { unit, decimals, isLog = false }, height) {
  const base = { gridcolor: GRID, zeroline: false, fixedrange: true, color: INK, tickmode: "array", ticks: "" };
  const marks = [];
  if (isLog) {
    for (let at = 10 ** Math.floor(Math.log10(Math.max(low, 1e-9))); at <= high && marks.length < MOST; at *= 10)
      marks.push(at);
    return {
      ...base,
      type: "log",
      range: [Math.log10(Math.max(low, 1e-9)), Math.log10(high)],
      tickvals: marks,
      ticktext: texts(marks, unit, decimals),
    };
  }
  const between = step(low, high, Math.max(2, Math.floor(height / 38 / scale())), unit);
  const [first, last] = [Math.ceil(low / between - 1e-9), Math.floor(high / between + 1e-9)];
  for (let index = first; index <= last && marks.length < MOST; index += 1)
    marks.push(Number((index * between).toPrecision(12)));
  return { ...base, range: [low, high], tickvals: marks, ticktext: texts(marks, unit, decimals) };
}

const texts = (marks, unit, decimals) => marks.map((at) => plain(format(at, unit, decimals)));

export function layout({ from, to }, axes, margin) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "Inter, system-ui, sans-serif", size: 12 * scale(), color: INK },
    margin: { l: margin, r: axes.yaxis2 ? margin : 12, t: 6, b: 24 * scale(), pad: 0 },
    showlegend: false,
    hovermode: "x",
    dragmode: "zoom",
    xaxis: {
      type: "date",
      range: [from, to],
      gridcolor: GRID,
      color: INK,
      zeroline: false,
      nticks: 8,
      tickformatstops: STOPS,
    },
    ...axes,
  };
}

const STOPS = [
  { dtickrange: [null, 60000], value: "%H:%M:%S" },
  { dtickrange: [60000, 86400000], value: "%H:%M" },
  { dtickrange: [86400000, null], value: "%m-%d" },
];

// Room for the longest of these texts.
export const margin = (axis) => scale() * (14 + 6.6 * Math.max(2, ...axis.ticktext.map((text) => text.length)));

export function render(node, traces, arrangement) {
  return globalThis.Plotly.newPlot(node, traces, arrangement, {
    displayModeBar: false,
    doubleClick: false,
    showTips: false,
  });
}
