// The choices at the top of a board: where their values come from, what is chosen, and what an address says of it.

import { element } from "./dom.js";
import { pattern } from "./frames.js";
import { ask, timeScope, timing } from "./prometheus.js";
import { fill } from "./template.js";

const ALL = "$__all";
const LISTED = 200; // values in a menu; with more of them one types a part of the name

const SORTS = [
  undefined,
  (a, b) => (a.text < b.text ? -1 : 1),
  (a, b) => (a.text < b.text ? 1 : -1),
  (a, b) => number(a) - number(b),
  (a, b) => number(b) - number(a),
  (a, b) => a.text.localeCompare(b.text, "en"),
  (a, b) => b.text.localeCompare(a.text, "en"),
  (a, b) => a.text.localeCompare(b.text, "en", { numeric: true }),
  (a, b) => b.text.localeCompare(a.text, "en", { numeric: true }),
];
const number = ({ text }) => Number(/\d+/.exec(text)?.[0] ?? NaN);

const LABEL_VALUES = /^label_values\((?:(.+),\s*)?([a-zA-Z_][a-zA-Z0-9_]*)\)$/s;

async function queried(variable, scope, range) {
  const query = fill(typeof variable.query === "object" ? variable.query.query : variable.query, scope, {
    promql: true,
  }).trim();
  const window = { start: range.from / 1000, end: range.to / 1000 };
  const [, series, label] = LABEL_VALUES.exec(query) ?? [];
  if (label) return ask(`label/${label}/values`, series ? { ...window, "match[]": series } : window);
  if (/^label_names\(\)$/.test(query)) return ask("labels", window);
  const [, names] = /^metrics\((.*)\)$/s.exec(query) ?? [];
  if (names !== undefined)
    return (await ask("label/__name__/values", window)).filter((name) => pattern(`/${names}/`).test(name));
  const [, expression] = /^query_result\((.*)\)$/s.exec(query) ?? [null, query];
  const { result } = await ask("query", { query: expression, time: range.to / 1000 });
  return result.map(
    ({ metric: { __name__: name = "", ...labels }, value }) =>
      `${name}{${Object.entries(labels)
        .map(([key, to]) => `${key}="${to}"`)
        .join(",")}} ${value[1]} ${value[0] * 1000}`,
  );
}

// The options that the variable's own pattern leaves over.
function options(values, { regex = "", sort = 0 }) {
  const found = new Map();
  for (const value of values) {
    const match = regex ? pattern(regex).exec(value) : [value];
    if (!match) continue;
    const text = match.groups?.text ?? match.groups?.value ?? match[1] ?? match[0];
    found.set(match.groups?.value ?? match[1] ?? match[0], text);
  }
  const listed = [...found].map(([value, text]) => ({ value, text }));
  return SORTS[sort] ? listed.sort(SORTS[sort]) : listed;
}

const custom = (text) =>
  (text.match(/(?:\\,|[^,])+/g) ?? []).map((part) => {
    const [, name, value] = /^\s*(.+?)\s:\s(.+?)\s*$/.exec(part) ?? [null, part.trim(), part.trim()];
    return { text: name.replaceAll("\\,", ","), value: value.replaceAll("\\,", ",") };
  });

const LOADERS = {
  query: async (variable, scope, range) => options(await queried(variable, scope, range), variable),
  custom: ({ query }) => custom(query),
  interval: ({ query, auto }) => [...(auto ? [{ text: "auto", value: "auto" }] : []), ...custom(query)],
  textbox: ({ query = "" }) => [{ text: query, value: query }],
  constant: ({ query }) => [{ text: query, value: query }],
  // There is one of a kind: Prometheus is asked, and of others a panel says that the preview has none.
  datasource: ({ query }) => [
    { text: query === "prometheus" ? "Prometheus" : `${query}: not in the preview`, value: query },
  ],
};

// Choices by name, from what the address says, else from the board. One that can't be loaded has its `error`.
export async function load(board, parameters, range, context) {
  const scope = { ...context, ...timeScope(range, timing(range, 1000, 15e3, 15e3)) };
  const found = {};
  for (const variable of board.templating?.list ?? []) {
    const choice = { ...variable, options: [], error: "" };
    try {
      choice.options = (await LOADERS[variable.type]?.(variable, { ...scope, ...found }, range)) ?? [];
    } catch (error) {
      choice.error = error.message;
    }
    const given = parameters.getAll(`var-${variable.name}`);
    found[variable.name] = choose(choice, given, range);
  }
  return found;
}

// The choice with these values chosen; without any, with those of the board, else with the first there is.
export function choose(choice, given, range) {
  const { current = {}, includeAll, multi, type } = choice;
  let chosen = given.filter((value) => value !== "");
  if (type === "datasource" || type === "constant") chosen = [];
  if (chosen.includes("All") && includeAll) chosen = [ALL];
  // A link from a board that shows all, to one that never does.
  const named = (value) => choice.options.some((one) => one.value === value);
  if (!includeAll) chosen = chosen.filter((value) => (value !== ALL && value !== "All") || named(value));
  if (!chosen.length) chosen = [current.value ?? []].flat().filter((value) => value !== "");
  if (includeAll && (!chosen.length || chosen.includes(ALL))) chosen = [ALL];
  if (!multi) chosen = chosen.slice(0, 1);
  if (!chosen.length && choice.options.length) chosen = [choice.options[0].value];
  const isAll = chosen[0] === ALL;
  const every = choice.options.map(({ value }) => value);
  const auto = type === "interval" && chosen[0] === "auto";
  const values = isAll
    ? every
    : auto
      ? [`${Math.ceil((range.to - range.from) / 1000 / (choice.auto_count ?? 30))}s`]
      : chosen;
  const text = isAll
    ? "All"
    : chosen.map((value) => choice.options.find((one) => one.value === value)?.text ?? value).join(" + ");
  return { ...choice, chosen, values, isAll, text };
}

// What an address says of the choices.
export function parameters(choices) {
  return Object.values(choices).flatMap(({ name, type, chosen }) =>
    type === "constant" ? [] : chosen.map((value) => [`var-${name}`, value]),
  );
}

// The control of one choice; `change` is given the values chosen.
export function control(choice, change) {
  const { name, label, type, hide, error, text } = choice;
  if (hide === 2 || type === "constant") return undefined;
  const title = hide === 1 ? undefined : element("span", { class: "label" }, label || name);
  const properties = { class: "choice", "data-variable": name };
  if (error)
    return element(
      "span",
      { ...properties, class: "choice error", title: error },
      title,
      element("span", {}, "no values: ", error),
    );
  if (type === "datasource") return element("span", properties, title, element("span", { class: "fixed" }, text));
  if (type === "textbox") {
    const input = element("input", { value: text, "aria-label": label || name, onchange: () => change([input.value]) });
    return element("span", properties, title, input);
  }
  if (!LOADERS[type])
    return element("span", properties, title, element("span", { class: "fixed" }, `${type}: not in the preview`));
  const details = element(
    "details",
    properties,
    element("summary", {}, title, element("span", { class: "value" }, text || "none")),
  );
  details.addEventListener("toggle", () => details.open && opened(details, choice, change));
  return details;
}

function opened(details, choice, change) {
  const chosen = new Set(choice.chosen);
  const offered = [...(choice.includeAll ? [{ value: ALL, text: "All" }] : []), ...choice.options];
  const items = element("ul", {});
  const close = (event) => {
    if (details.contains(event.target)) return;
    removeEventListener("pointerdown", close);
    details.open = false;
  };
  addEventListener("pointerdown", close);
  details.addEventListener("toggle", () => changed() && change([...chosen]), { once: true });
  const changed = () => chosen.size && [...chosen].join("\n") !== choice.chosen.join("\n");

  function pick(value) {
    if (!choice.multi || value === ALL) {
      chosen.clear();
      chosen.add(value);
      details.open = false;
      return;
    }
    chosen.delete(ALL);
    if (!chosen.delete(value)) chosen.add(value);
    list();
  }

  function list() {
    const part = filter.value.toLowerCase();
    const fitting = offered.filter((one) => one.text.toLowerCase().includes(part));
    const shown = fitting
      .slice(0, LISTED)
      .map(({ value, text }) =>
        element(
          "li",
          {},
          element(
            "button",
            { type: "button", "aria-pressed": String(chosen.has(value)), onclick: () => pick(value) },
            text,
          ),
        ),
      );
    const left = fitting.length - shown.length;
    items.replaceChildren(
      ...shown,
      ...(left > 0
        ? [element("li", { class: "more" }, `and ${left.toLocaleString("en")} more: type a part of the name`)]
        : []),
    );
  }

  const filter = element("input", {
    type: "search",
    placeholder: "Search",
    "aria-label": `Search ${choice.name}`,
    oninput: list,
  });
  filter.addEventListener("keydown", (event) => event.key === "Enter" && items.querySelector("button")?.click());
  details.querySelector(".menu")?.remove();
  details.append(element("div", { class: "menu" }, filter, items));
  list();
  filter.focus();
}
