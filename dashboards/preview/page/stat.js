// Stat: one value a series, large, with a line of what it was behind it.

import { over } from "./colors.js";
import { element, scale, svg } from "./dom.js";
import { show, span } from "./display.js";
import { single } from "./frames.js";
import { linked, resolved } from "./links.js";

export const MOST = 60; // tiles in one panel

export function draw(body, frames, context) {
  const { options = {} } = context.panel;
  const found = single(frames, options.reduceOptions);
  const all = found.map(({ field }) => field);
  const shown = found.slice(0, MOST);
  const { columns, rows } = layout(body, shown.length, options.orientation);
  const tiles = shown.map((one, index) => {
    const value = show(one.field, one.value, { index, bounds: span(all, one.field.config) });
    const links = resolved(one.field.config.links, context.scope, { ...one, ...value });
    return linked(
      tile(one, value, options, body.clientWidth / columns, body.clientHeight / rows, found.length),
      links,
      { class: "tile" },
    );
  });
  body.replaceChildren(
    element("div", { class: "tiles", style: { "grid-template-columns": `repeat(${columns}, 1fr)` } }, tiles),
  );
  return {
    empty: found.length ? undefined : "No data",
    note: found.length > MOST ? `the first ${MOST} of ${found.length}` : "",
  };
}

// Tiles near twice as wide as they are high.
export function layout({ clientWidth, clientHeight }, count, orientation = "auto") {
  if (orientation === "vertical") return { columns: count, rows: 1 };
  if (orientation === "horizontal") return { columns: 1, rows: count };
  const columns = Math.max(1, Math.min(count, Math.round(Math.sqrt((count * clientWidth) / (clientHeight * 2.2)))));
  return { columns, rows: Math.ceil(count / columns) };
}

const pen = document.createElement("canvas").getContext("2d");

// Pixels of a text that is 100 high, in the font of the page.
function widthOf(text) {
  pen.font = `600 100px ${getComputedStyle(document.documentElement).fontFamily}`;
  return Math.max(200, pen.measureText(text).width);
}

function tile({ field, row }, { text, color }, options, width, height, count) {
  const { textMode = "auto", colorMode = "value", graphMode = "none" } = options;
  const withName = textMode === "value_and_name" || textMode === "name" || (textMode === "auto" && count > 1);
  const withValue = textMode !== "name" && textMode !== "none";
  const isFilled = colorMode.startsWith("background");
  const ink = isFilled ? over(color) : undefined;
  const size = Math.min(height * (withName ? 0.38 : 0.5), ((width - 32) / widthOf(text)) * 100, 64 * scale());
  return element(
    "div",
    { class: "inside", style: isFilled ? { background: color, color: ink } : {} },
    graphMode === "area" && field.values.length > 1 && sparkline(field, ink ?? color),
    withName && element("span", { class: "name", title: field.display }, field.display),
    withValue &&
      element(
        "span",
        {
          class: "value",
          "data-row": row,
          style: { "font-size": `${Math.max(12, size)}px`, color: isFilled ? ink : colorMode === "none" ? "" : color },
        },
        text,
      ),
  );
}

function sparkline({ values, config }, color) {
  const known = values.map((value, index) => [index, value]).filter(([, value]) => Number.isFinite(value));
  const [low, high] = span([{ values }], { min: config.min, max: config.max });
  const points = known.map(
    ([index, value]) => `${(index / (values.length - 1)) * 100},${38 - (36 * (value - low)) / (high - low)}`,
  );
  if (points.length < 2) return undefined;
  const [first, last] = [points[0].split(",")[0], points.at(-1).split(",")[0]];
  return svg(
    "svg",
    { class: "spark", viewBox: "0 0 100 40", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("polygon", { points: `${first},40 ${points.join(" ")} ${last},40`, fill: color, "fill-opacity": 0.18 }),
    svg("polyline", {
      points: points.join(" "),
      fill: "none",
      stroke: color,
      "stroke-width": 1,
      "vector-effect": "non-scaling-stroke",
    }),
  );
}
