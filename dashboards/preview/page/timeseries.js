// Time series: lines, points and bars over time, stacked or not, with thresholds, annotations and a legend.

import { at, shapes } from "./annotations.js";
import { faded } from "./colors.js";
import { element } from "./dom.js";
import { seriesColor, show, steps } from "./display.js";
import { legend } from "./legend.js";
import { menu, resolved } from "./links.js";
import { layout, margin, plain, render, valueAxis } from "./plot.js";
import { clock } from "./time.js";
import { hideTip, tip } from "./tooltip.js";

const MOST = 200; // series: more are no picture, and take a browser seconds
const IN_TIP = 20; // series in a tooltip

export function draw(body, frames, context) {
  const { panel } = context;
  const found = frames.flatMap((frame) => {
    const times = frame.fields.find(({ type }) => type === "time");
    return times
      ? frame.fields
          .filter(({ type, config }) => type === "number" && !config.custom?.hideFrom?.viz)
          .map((one) => ({ one, times: times.values }))
      : [];
  });
  const known = found.filter(({ one }) => one.values.some((value) => value !== null));
  const series = known
    .slice(0, MOST)
    .map(({ one, times }, index) => ({ one, times, color: seriesColor(one, index), isShown: true }));
  const ground = element("div", { class: "plot" });
  const redraw = () => plot(ground, series, context);
  const { legend: wanted = {} } = panel.options ?? {};
  const below =
    wanted.showLegend === false || wanted.displayMode === "hidden" ? undefined : legend(series, wanted, redraw);
  body.replaceChildren(
    element("div", { class: wanted.placement === "right" ? "chart beside" : "chart" }, ground, below),
  );
  redraw();
  return { note: known.length > MOST ? `the first ${MOST} of ${known.length} series: choose fewer` : "" };
}

function plot(ground, series, context) {
  const { panel, range, events = [] } = context;
  const shown = series.filter(({ isShown }) => isShown);
  const custom = panel.fieldConfig?.defaults?.custom ?? {};
  const isRight = ({ one }) => one.config.custom?.axisPlacement === "right";
  const sides = { yaxis: shown.filter((one) => !isRight(one)), yaxis2: shown.filter(isRight) };
  const axes = {};
  for (const [name, members] of Object.entries(sides)) {
    if (name === "yaxis2" && !members.length) continue;
    const config = members[0]?.one.config ?? panel.fieldConfig?.defaults ?? {};
    const isLog = config.custom?.scaleDistribution?.type === "log";
    axes[name] = valueAxis(
      extent(members, config, isLog),
      { unit: config.unit, decimals: config.decimals, isLog },
      ground.clientHeight - 30,
    );
    if (name === "yaxis2") Object.assign(axes[name], { overlaying: "y", side: "right", showgrid: false });
  }
  const room = Math.max(...Object.values(axes).map(margin));
  const arrangement = {
    ...layout(range, axes, room),
    barmode: stacking(custom) ? "relative" : "overlay",
    bargap: 0.1,
    shapes: [...shapes(events, range), ...thresholds(panel, axes.yaxis.range)],
  };
  render(
    ground,
    shown.map((one) => trace(one, isRight(one))),
    arrangement,
  );
  ground.on("plotly_relayout", (change) => {
    const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]].map((text) =>
      text === undefined ? NaN : moment(text),
    );
    if (from < to) context.zoom(Math.floor(from), Math.ceil(to));
  });
  ground.on("plotly_hover", ({ event, points }) => tip(event, told(shown, points[0], panel, context)));
  ground.on("plotly_unhover", hideTip);
  ground.on("plotly_click", ({ event, points }) => clicked(event, points, shown, context));
}

// plotly's dates have no zone: they are UTC, as all clocks of the page.
const moment = (text) => (typeof text === "number" ? text : Date.parse(`${String(text).replace(" ", "T")}Z`));

const stacking = ({ stacking: given = {} } = {}) => given.mode && given.mode !== "none" && given.mode;

function trace({ one, times, color }, isRight) {
  const { custom = {} } = one.config;
  const {
    drawStyle = "line",
    lineWidth = 1,
    fillOpacity = 0,
    lineInterpolation = "linear",
    showPoints = "auto",
    spanNulls = false,
  } = custom;
  const base = {
    x: times,
    y: one.values.map((value) => (Number.isFinite(value) ? value : null)),
    name: plain(one.display),
    hoverinfo: "none",
    yaxis: isRight ? "y2" : "y",
  };
  if (drawStyle === "bars")
    return {
      ...base,
      type: "bar",
      marker: { color: faded(color, Math.max(0.15, fillOpacity / 100)), line: { color, width: lineWidth } },
    };
  const isStacked = stacking(custom);
  const dots = drawStyle === "points" || showPoints === "always" || isLonely(one.values);
  return {
    ...base,
    type: "scatter",
    mode: drawStyle === "points" ? "markers" : dots ? "lines+markers" : "lines",
    line: {
      color,
      width: lineWidth,
      shape: { stepAfter: "hv", stepBefore: "vh", smooth: "spline" }[lineInterpolation] ?? "linear",
      dash: custom.lineStyle?.fill === "dash" ? "dash" : custom.lineStyle?.fill === "dot" ? "dot" : "solid",
    },
    marker: { color, size: custom.pointSize ?? 5 },
    connectgaps: Boolean(spanNulls),
    fillcolor: faded(color, fillOpacity / 100),
    ...(isStacked
      ? {
          stackgroup: `${custom.stacking.group ?? "A"}${isRight}`,
          groupnorm: isStacked === "percent" ? "fraction" : "",
          stackgaps: "infer zero",
        }
      : fillOpacity
        ? { fill: "tozeroy" }
        : {}),
  };
}

// A value without neighbours would be a line of no length.
const isLonely = (values) =>
  values.some(
    (value, index) => value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null,
  );

// Lowest and highest of what is drawn: stacked, the sums of what is above and below zero.
function extent(members, config, isLog) {
  let [low, high] = [Infinity, -Infinity];
  const sums = new Map();
  for (const { one, times } of members) {
    const mode = stacking(one.config.custom);
    if (mode === "percent") [low, high] = [0, 1];
    else
      one.values.forEach((value, index) => {
        if (!Number.isFinite(value)) return;
        const key = `${times[index]} ${value < 0}`;
        const top = mode ? (sums.get(key) ?? 0) + value : value;
        if (mode) sums.set(key, top);
        if (!isLog || top > 0) [low, high] = [Math.min(low, top), Math.max(high, top)];
      });
    if (one.config.custom?.drawStyle === "bars" || mode) low = Math.min(low, 0);
  }
  if (low === Infinity) [low, high] = [0, 1];
  const { axisSoftMin, axisSoftMax } = config.custom ?? {};
  low = config.min ?? Math.min(low, axisSoftMin ?? low);
  high = config.max ?? Math.max(high, axisSoftMax ?? high);
  // What differs by the error of an addition is one value.
  if (high - low <= Math.abs(high) * 1e-9) high = low + (Math.abs(low) * 0.1 || 1);
  const room = (high - low) * 0.05;
  return [
    config.min === undefined && low !== 0 && !isLog ? low - room : low,
    config.max === undefined ? high + room : high,
  ];
}

function thresholds(panel, [low, high]) {
  const { defaults = {} } = panel.fieldConfig ?? {};
  const mode = defaults.custom?.thresholdsStyle?.mode ?? "off";
  if (mode === "off") return [];
  const marks = steps(defaults, [low, high]);
  return marks.flatMap(({ color, at: value }, index) => {
    const found = [];
    const place = { xref: "paper", x0: 0, x1: 1, yref: "y" };
    if (/line|dashed/.test(mode) && value > low && value < high) {
      found.push({
        ...place,
        type: "line",
        y0: value,
        y1: value,
        line: { color, width: 1.5, dash: mode.startsWith("dashed") ? "dash" : "solid" },
      });
    }
    const [start, end] = [Math.max(low, value), Math.min(high, marks[index + 1]?.at ?? high)];
    if (mode.includes("area") && end > start)
      found.push({
        ...place,
        type: "rect",
        y0: start,
        y1: end,
        fillcolor: faded(color, 0.1),
        line: { width: 0 },
        layer: "below",
      });
    return found;
  });
}

// The lines of the tooltip at a point's moment.
function told(shown, point, panel, { events = [] }) {
  const moment = shown[point.curveNumber].times[point.pointIndex ?? point.pointNumber];
  const { tooltip = {} } = panel.options ?? {};
  const rows = shown
    .map((line) => ({ ...line, value: line.one.values[line.times.indexOf(moment)] ?? null }))
    .filter(({ value }, index) => value !== null && (tooltip.mode === "multi" || index === point.curveNumber));
  if (tooltip.sort === "desc") rows.sort((a, b) => b.value - a.value);
  if (tooltip.sort === "asc") rows.sort((a, b) => a.value - b.value);
  const lines = rows
    .slice(0, IN_TIP)
    .map(({ one, color, value }) =>
      element(
        "div",
        { class: "row" },
        element("i", { style: { background: color } }),
        element("span", {}, one.display),
        element("b", {}, show(one, value).text),
      ),
    );
  const more = rows.length > IN_TIP ? [element("div", {}, `and ${rows.length - IN_TIP} more`)] : [];
  const slack = shown[point.curveNumber].times[1] - shown[point.curveNumber].times[0] || 6e4;
  const happened = at(events, moment, slack).map(({ title, text, color }) =>
    element(
      "div",
      { class: "row event" },
      element("i", { style: { background: color } }),
      element("span", {}, title),
      text,
    ),
  );
  return [element("div", { class: "when" }, `${clock(moment)} UTC`), ...lines, ...more, ...happened.slice(0, IN_TIP)];
}

// The links of the series that is nearest to the pointer.
function clicked(event, points, shown, context) {
  const distance = ({ yaxis, y }) => Math.abs((yaxis?.d2p?.(y) ?? 0) + (yaxis?._offset ?? 0) - event.offsetY);
  const [nearest] = points.toSorted((a, b) => distance(a) - distance(b));
  const { one, times } = shown[nearest.curveNumber];
  const row = nearest.pointIndex ?? nearest.pointNumber;
  const links = resolved(one.config.links, context.scope, {
    field: one,
    ...show(one, one.values[row]),
    time: times[row],
    row,
  });
  if (links.length) menu(event, one.display, links);
}
