// Bar gauge: a bar for each series, between the panel's bounds.

import { element } from "./dom.js";
import { show, span } from "./display.js";
import { single } from "./frames.js";
import { linked, resolved } from "./links.js";

const MOST = 100; // bars in one panel

export function draw(body, frames, context) {
  const { options = {} } = context.panel;
  const found = single(frames, options.reduceOptions);
  const values = found.map(({ value }) => ({ values: [value] }));
  const bars = found.slice(0, MOST).map((one, index) => {
    const bounds = span(values, one.field.config);
    const value = show(one.field, one.value, { index, bounds });
    const links = resolved(one.field.config.links, context.scope, { ...one, ...value });
    const share = Math.max(0, Math.min(1, (one.value - bounds[0]) / (bounds[1] - bounds[0])));
    return element(
      "li",
      {},
      linked(one.field.display, links, { class: "name", title: one.field.display }),
      element(
        "span",
        { class: options.showUnfilled === false ? "track" : "track unfilled" },
        element("span", { class: "bar", style: { width: `${(share * 100).toFixed(2)}%`, background: value.color } }),
      ),
      element("span", { class: "value", style: { color: value.color } }, value.text),
    );
  });
  body.replaceChildren(element("ul", { class: "bars" }, bars));
  return {
    empty: found.length ? undefined : "No data",
    note: found.length > MOST ? `the first ${MOST} of ${found.length}` : "",
  };
}
