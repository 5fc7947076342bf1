// Heatmap: how many observations were in each bucket of a histogram, along the time.

import { shapes } from "./annotations.js";
import { HEAT } from "./colors.js";
import { element } from "./dom.js";
import { layout, margin, plain, render } from "./plot.js";
import { clock } from "./time.js";
import { hideTip, tip } from "./tooltip.js";
import { format } from "./units.js";

export function draw(body, frames, context) {
  const { panel, range, events = [] } = context;
  const { options = {} } = panel;
  if (options.calculate)
    return { elsewhere: "The preview draws heatmaps of buckets only; Grafana makes the buckets of this one." };
  const rows = frames.map(({ fields }) => ({ times: fields[0].values, one: fields[1] }));
  const unit = options.yAxis?.unit ?? panel.fieldConfig?.defaults?.unit;
  const names = rows.map(({ one }) => {
    const bound = one.labels.le === "+Inf" ? Infinity : Number(one.labels.le ?? one.display);
    return Number.isNaN(bound) ? one.display : bound === Infinity ? "more" : `≤ ${format(bound, unit)}`;
  });
  const least = options.filterValues?.le ?? 1e-9;
  const z = rows.map(({ one }) => one.values.map((value) => (value === null || value <= least ? null : value)));
  const colors = HEAT[options.color?.scheme] ?? HEAT.Oranges;
  const ground = element("div", { class: "plot" });
  body.replaceChildren(element("div", { class: "chart" }, ground));
  const axis = {
    type: "linear",
    range: [-0.5, rows.length - 0.5],
    fixedrange: true,
    showgrid: false,
    zeroline: false,
    color: "#A9ABB5",
    tickmode: "array",
    ...labels(names, body.clientHeight),
  };
  const trace = {
    type: "heatmap",
    x: rows[0].times,
    y: rows.map((_, index) => index),
    z,
    xgap: options.cellGap ?? 1,
    ygap: options.cellGap ?? 1,
    colorscale: colors.map((color, index) => [index / (colors.length - 1), color]),
    zmin: 0,
    showscale: false,
    hoverinfo: "none",
  };
  const arrangement = {
    ...layout(range, { yaxis: axis }, margin(axis)),
    hovermode: "closest",
    shapes: shapes(events, range),
  };
  render(ground, [trace], arrangement);
  ground.on(
    "plotly_hover",
    ({
      event,
      points: [
        {
          pointIndex: [row, column],
        },
      ],
    }) => {
      if (z[row][column] === null) return hideTip();
      const words = [
        `${clock(rows[row].times[column])} UTC`,
        names[row],
        `${format(z[row][column], "short")} in the bucket`,
      ];
      return tip(
        event,
        words.map((text) => element("div", {}, text)),
      );
    },
  );
  ground.on("plotly_unhover", hideTip);
  return {};
}

// As many of the names as there is room for.
function labels(names, height) {
  const every = Math.max(1, Math.ceil((names.length * 16) / Math.max(50, height - 40)));
  const tickvals = [...names.keys()].filter((index) => index % every === 0);
  return { tickvals, ticktext: tickvals.map((index) => plain(names[index])) };
}
