// Pie chart: the shares of a whole.

import { element } from "./dom.js";
import { show } from "./display.js";
import { single } from "./frames.js";
import { plain, render } from "./plot.js";

export function draw(body, frames, { panel }) {
  const { options = {} } = panel;
  const found = single(frames, options.reduceOptions);
  const looks = found.map((one, index) => show(one.field, one.value, { index, otherwise: "palette-classic" }));
  const ground = element("div", { class: "plot" });
  const names = found.map(({ field }, index) =>
    element(
      "span",
      { class: "item" },
      element("i", { style: { background: looks[index].color } }),
      `${field.display} ${looks[index].text}`,
    ),
  );
  body.replaceChildren(element("div", { class: "chart" }, ground, element("div", { class: "legend" }, names)));
  const trace = {
    type: "pie",
    values: found.map(({ value }) => value),
    labels: found.map(({ field }) => plain(field.display)),
    sort: false,
    marker: { colors: looks.map(({ color }) => color) },
    hole: options.pieType === "donut" ? 0.5 : 0,
    textinfo: "percent",
    hoverinfo: "none",
  };
  const clear = "rgba(0,0,0,0)";
  render(ground, [trace], {
    paper_bgcolor: clear,
    plot_bgcolor: clear,
    showlegend: false,
    margin: { l: 4, r: 4, t: 4, b: 4 },
  });
  return { empty: found.length ? undefined : "No data" };
}
