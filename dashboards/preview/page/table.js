// Table: the rows of the first frame, with colours, links and an order to choose by the heads.

import { faded, over } from "./colors.js";
import { element } from "./dom.js";
import { show, span } from "./display.js";
import { linked, resolved } from "./links.js";
import { sorted } from "./transformations.js";
import { isMoment } from "./units.js";

const MOST = 500; // rows

export function draw(body, frames, context) {
  const { options = {} } = context.panel;
  const order = options.sortBy?.[0];
  const first = frames.find((frame) => frame.length) ?? frames[0];
  render(body, order ? sorted(first, order.displayName, order.desc) : first, order, context);
  const notes = [];
  if (first.length > MOST) notes.push(`the first ${MOST} of ${first.length} rows`);
  if (frames.length > 1) notes.push(`1 of ${frames.length} tables: Grafana offers the others below`);
  return { note: notes.join("; ") };
}

function render(body, frame, order, context) {
  const fields = frame.fields.filter(({ config }) => !config.custom?.hidden && !config.custom?.hideFrom?.viz);
  const heads = fields.map((one) => {
    const isBy = order?.displayName === one.display;
    const turn = () => {
      const next = { displayName: one.display, desc: isBy ? !order.desc : one.type === "number" };
      render(body, sorted(frame, one.display, next.desc), next, context);
    };
    const sign = isBy ? (order.desc ? " ▾" : " ▴") : "";
    const properties = {
      scope: "col",
      class: one.type,
      style: one.config.custom?.width ? { width: `${one.config.custom.width}px` } : {},
    };
    return element("th", properties, element("button", { type: "button", onclick: turn }, one.display, sign));
  });
  const looks = fields.map((one) => ({ one, bounds: span([one], one.config), cell: kind(one.config.custom) }));
  const rows = Array.from({ length: Math.min(frame.length, MOST) }, (_, row) =>
    element(
      "tr",
      {},
      looks.map((look) => cell(look, row, frame.fields, context)),
    ),
  );
  body.replaceChildren(
    element(
      "div",
      { class: "scroll" },
      element("table", {}, element("thead", {}, element("tr", {}, heads)), element("tbody", {}, rows)),
    ),
  );
}

// Newer boards say it in one way, older ones in another.
function kind({ cellOptions = {}, displayMode = "auto", align = "auto" } = {}) {
  return { type: cellOptions.type && cellOptions.type !== "auto" ? cellOptions.type : displayMode, align };
}

function cell({ one, bounds, cell: { type, align } }, row, fields, context) {
  const value = one.values[row];
  const shown = show(one, value, { bounds });
  const isKnown = value !== null && value !== undefined && value !== "";
  const links = isKnown ? resolved(one.config.links, context.scope, { field: one, ...shown, row, fields }) : [];
  const style = {};
  if (type.startsWith("color-background") && isKnown && shown.color !== "transparent")
    Object.assign(style, { background: shown.color, color: over(shown.color) });
  if (type === "color-text" && isKnown) style.color = shown.color;
  if (/gauge|lcd/.test(type) && typeof value === "number") {
    const share = Math.max(0, Math.min(100, (100 * (value - bounds[0])) / (bounds[1] - bounds[0])));
    style.background = `linear-gradient(90deg, ${faded(shown.color, 0.55)} ${share}%, transparent ${share}%)`;
  }
  if (align !== "auto") style["text-align"] = align;
  const named = one.type === "number" && !isMoment(one.config.unit) ? "number" : "string";
  return element("td", { class: named, style }, linked(shown.text, links));
}
