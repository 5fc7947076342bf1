// The names below or beside a plot; a click shows one series alone, and with Ctrl leaves one out.

import { element } from "./dom.js";
import { show } from "./display.js";
import { calculationName, reduced } from "./frames.js";
import { compare } from "./transformations.js";

export function legend(series, { calcs = [], displayMode = "list", sortBy, sortDesc }, redraw) {
  const items = series.map((line) => {
    const values = calcs.map((name) => show(line.one, reduced(line.one, name)).text);
    const raw = calcs.map((name) => reduced(line.one, name));
    return { line, values, raw, button: button(line) };
  });
  const by = calcs.findIndex((name) => calculationName(name) === sortBy || name === sortBy);
  if (by >= 0) items.sort((a, b) => (sortDesc ? -1 : 1) * compare(a.raw[by], b.raw[by]));

  function button(line) {
    const made = element(
      "button",
      { type: "button", title: line.one.display, onclick: (event) => pick(line, event.ctrlKey || event.metaKey) },
      element("i", { style: { background: line.color } }),
      element("span", {}, line.one.display),
    );
    return made;
  }

  function pick(line, isToggle) {
    const isAlone = line.isShown && series.every((other) => other === line || !other.isShown);
    for (const other of series) {
      if (isToggle) other.isShown = other === line ? !other.isShown : other.isShown;
      else other.isShown = isAlone || other === line;
    }
    for (const { line: other, button: made } of items) made.classList.toggle("off", !other.isShown);
    redraw();
  }

  if (displayMode !== "table" || !calcs.length) {
    return element(
      "div",
      { class: "legend" },
      items.map(({ button: made, values }) => (made.append(...values.map((text) => element("em", {}, text))), made)),
    );
  }
  const heads = calcs.map((name) => element("th", { scope: "col" }, calculationName(name)));
  const rows = items.map(({ button: made, values }) =>
    element(
      "tr",
      {},
      element("td", {}, made),
      values.map((text) => element("td", { class: "number" }, text)),
    ),
  );
  return element(
    "div",
    { class: "legend" },
    element("table", {}, element("thead", {}, element("tr", {}, element("th", {}), heads)), element("tbody", {}, rows)),
  );
}
