// Bar chart: a group of bars for each row of a table.

import { element, scale } from "./dom.js";
import { seriesColor, span } from "./display.js";
import { legend } from "./legend.js";
import { margin, plain, render, valueAxis } from "./plot.js";

const MOST = 50; // groups

export function draw(body, frames, { panel }) {
  const { options = {} } = panel;
  const frame = frames.find(({ length }) => length) ?? frames[0];
  const names =
    frame.fields.find((one) => one.display === options.xField) ??
    frame.fields.find(({ type }) => type === "string") ??
    frame.fields[0];
  const groups = names.values.slice(0, MOST);
  const series = frame.fields
    .filter((one) => one !== names && one.type === "number")
    .map((one, index) => ({ one, color: seriesColor(one, index), isShown: true }));
  const ground = element("div", { class: "plot" });
  const isStacked = options.stacking === "normal" || options.stacking === "percent";
  const isAcross = options.orientation === "horizontal";
  const redraw = () => {
    const shown = series.filter(({ isShown }) => isShown);
    const sums = groups.map((_, row) =>
      shown.reduce(
        (total, { one }) => (isStacked ? total + (one.values[row] ?? 0) : Math.max(total, one.values[row] ?? 0)),
        0,
      ),
    );
    const config = series[0]?.one.config ?? {};
    const values = valueAxis(
      [config.min ?? 0, span([{ values: sums }], config)[1] * 1.05],
      config,
      isAcross ? ground.clientWidth / 3 : ground.clientHeight - 30,
    );
    const labels = { type: "category", color: "#A9ABB5", fixedrange: true, ticktext: groups.map(String).map(plain) };
    const left = isAcross ? labels : values;
    const traces = shown.map(({ one, color }) => {
      const [along, across] = [groups.map((text) => plain(text)), one.values.slice(0, MOST)];
      return {
        type: "bar",
        orientation: isAcross ? "h" : "v",
        x: isAcross ? across : along,
        y: isAcross ? along : across,
        marker: { color },
        name: plain(one.display),
        hoverinfo: "none",
      };
    });
    const clear = "rgba(0,0,0,0)";
    render(ground, traces, {
      paper_bgcolor: clear,
      plot_bgcolor: clear,
      showlegend: false,
      barmode: isStacked ? "stack" : "group",
      dragmode: false,
      font: { size: 12 * scale(), color: "#A9ABB5" },
      margin: { l: Math.min(200, margin(left)), r: 12, t: 6, b: 24 },
      xaxis: isAcross ? values : labels,
      yaxis: isAcross ? { ...labels, autorange: "reversed" } : values,
    });
  };
  body.replaceChildren(element("div", { class: "chart" }, ground, legend(series, options.legend ?? {}, redraw)));
  redraw();
  return { note: names.values.length > MOST ? `the first ${MOST} of ${names.values.length}` : "" };
}
