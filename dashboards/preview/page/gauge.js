// Gauge: an arc for each series, with the thresholds around it.

import { element, svg } from "./dom.js";
import { show, span, steps } from "./display.js";
import { single } from "./frames.js";
import { linked, resolved } from "./links.js";
import { layout, MOST } from "./stat.js";

// A part of the half circle, from 0 at the left to 1 at the right.
function arc(from, to, radius) {
  const point = (share) =>
    `${(50 - radius * Math.cos(Math.PI * share)).toFixed(2)} ${(50 - radius * Math.sin(Math.PI * share)).toFixed(2)}`;
  return `M ${point(from)} A ${radius} ${radius} 0 0 1 ${point(to)}`;
}

export function draw(body, frames, context) {
  const { options = {} } = context.panel;
  const found = single(frames, options.reduceOptions);
  const { columns } = layout(body, Math.min(found.length, MOST), "auto");
  const dials = found.slice(0, MOST).map((one, index) => {
    const { config } = one.field;
    const [low, high] = [config.min ?? 0, config.max ?? Math.max(100, span([{ values: [one.value] }], config)[1])];
    const share = (value) => Math.max(0, Math.min(1, (value - low) / (high - low)));
    const value = show(one.field, one.value, { index, bounds: [low, high] });
    const marks = steps(config, [low, high]);
    const links = resolved(config.links, context.scope, { ...one, ...value });
    const dial = svg(
      "svg",
      { viewBox: "0 0 100 58", role: "img", "aria-label": `${one.field.display} ${value.text}` },
      svg("path", { d: arc(0, 1, 38), class: "rest", "stroke-width": 9 }),
      svg("path", { d: arc(0, Math.max(0.004, share(one.value)), 38), stroke: value.color, "stroke-width": 9 }),
      options.showThresholdMarkers !== false &&
        marks.map(({ color, at }, step) =>
          svg("path", {
            d: arc(share(at), share(marks[step + 1]?.at ?? Infinity), 45),
            stroke: color,
            "stroke-width": 2,
          }),
        ),
      svg("text", { x: 50, y: 50, fill: value.color }, value.text),
    );
    const name = found.length > 1 && element("span", { class: "name", title: one.field.display }, one.field.display);
    return linked(element("div", { class: "inside" }, dial, name), links, { class: "tile" });
  });
  body.replaceChildren(
    element("div", { class: "tiles dials", style: { "grid-template-columns": `repeat(${columns}, 1fr)` } }, dials),
  );
  return {
    empty: found.length ? undefined : "No data",
    note: found.length > MOST ? `the first ${MOST} of ${found.length}` : "",
  };
}
