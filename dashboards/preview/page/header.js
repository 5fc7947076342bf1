// The top of the page: what it is, the time, the choices, and the way to other boards.

import { anchor, element } from "./dom.js";
import { fill } from "./template.js";
import { QUICK, clock, isRelative, moment } from "./time.js";
import { control } from "./variables.js";

const EVERY = ["", "10s", "30s", "1m", "5m"];

export function header(page, change, again) {
  const top = document.querySelector("#top");
  if (!page.isChanged && top.querySelector("details[open]")) return; // somebody is choosing
  const { board, prometheus, problem, failed } = page;
  const choices = Object.values(page.choices).map((choice) =>
    control(choice, (values) => change({ choice: choice.name, values })),
  );
  const switches = (board.annotations?.list ?? [])
    .filter(({ expr, hide }) => expr && !hide)
    .map((one) => annotation(page, one, failed?.get(one.name), again));
  top.replaceChildren(
    element(
      "div",
      { class: "line" },
      element(
        "strong",
        { id: "preview", title: `Drawn by windsock from the board's JSON; the data is of ${prometheus}` },
        "Preview, not Grafana",
      ),
      element("h1", { title: board.description }, board.title),
      time(page, change),
      refreshing(page, change, again),
    ),
    element(
      "div",
      { class: "line choices" },
      ...choices.filter(Boolean),
      ...switches,
      element("nav", {}, ...links(page)),
    ),
    ...(problem ? [element("p", { class: "words error" }, problem)] : []),
  );
}

function annotation(page, { name, iconColor }, problem, again) {
  const turn = ({ target }) => {
    if (target.checked) page.muted.delete(name);
    else page.muted.add(name);
    again();
  };
  const box = element("input", { type: "checkbox", checked: !page.muted.has(name), onchange: turn });
  return element(
    "label",
    { class: problem ? "switch error" : "switch", title: problem ?? `${name}: shown in the plots` },
    box,
    name,
    problem && `: ${problem}`,
  );
}

function time({ raw, range }, change) {
  const quick = QUICK.find((one) => raw.from === `now-${one}` && raw.to === "now");
  const text = quick
    ? `Last ${quick}`
    : isRelative(raw.from)
      ? `${raw.from} to ${raw.to}`
      : `${clock(range.from)} to ${clock(range.to)}`;
  const inputs = ["from", "to"].map((name) =>
    element("input", { name, value: isRelative(raw[name]) ? raw[name] : clock(range[name]), "aria-label": name }),
  );
  const problem = element("p", { class: "error", hidden: true }, "expected 2026-01-31 12:00:00, or now-6h");
  const apply = () => {
    const [from, to] = inputs.map(({ value }) =>
      isRelative(value) ? value : String(Date.parse(`${value.trim().replace(" ", "T")}Z`)),
    );
    problem.hidden = moment(from) < moment(to);
    if (problem.hidden) change({ raw: { from, to } });
  };
  const buttons = QUICK.map((one) =>
    element(
      "button",
      { type: "button", "data-range": one, onclick: () => change({ raw: { from: `now-${one}`, to: "now" } }) },
      `Last ${one}`,
    ),
  );
  const zoomOut = () => {
    const half = (range.to - range.from) / 2;
    change({ raw: { from: String(Math.floor(range.from - half)), to: String(Math.ceil(range.to + half)) } });
  };
  return element(
    "span",
    { class: "time" },
    element(
      "details",
      { class: "choice" },
      element("summary", { id: "time" }, text, element("span", { class: "label" }, " UTC")),
      element(
        "div",
        { class: "menu" },
        element("div", { class: "quick" }, buttons),
        inputs,
        problem,
        element("button", { type: "button", class: "apply", onclick: apply }, "Apply"),
      ),
    ),
    element("button", { type: "button", title: "Zoom out", "aria-label": "Zoom out", onclick: zoomOut }, "−"),
  );
}

function refreshing({ every }, change, again) {
  const options = [...new Set([...EVERY, every])].map((one) =>
    element("option", { value: one, selected: one === every }, one || "off"),
  );
  return element(
    "span",
    { class: "refresh" },
    element(
      "button",
      { type: "button", id: "refresh", title: "Ask again", "aria-label": "Ask again", onclick: again },
      "↻",
    ),
    element(
      "select",
      { "aria-label": "Ask again every", onchange: ({ target }) => change({ every: target.value }) },
      options,
    ),
  );
}

function links({ board, boards, scope, raw, choices, href }) {
  return (board.links ?? []).map((link) => {
    const target = link.targetBlank ? "_blank" : undefined;
    if (link.type !== "dashboards")
      return anchor(kept(fill(link.url, scope), link, { raw, choices }), link.title || link.url, {
        target,
        title: link.tooltip,
      });
    const found = boards.filter(({ tags = [] }) => (link.tags ?? []).every((tag) => tags.includes(tag)));
    const items = found.map(({ uid, title }) =>
      element(
        "li",
        {},
        anchor(href(uid, link), title, { target, "aria-current": uid === board.uid ? "page" : undefined }),
      ),
    );
    if (!link.asDropdown) return element("ul", { class: "inline" }, items);
    return element(
      "details",
      { class: "choice boards" },
      element("summary", {}, link.title),
      element("div", { class: "menu" }, element("ul", {}, items)),
    );
  });
}

function kept(url, { keepTime, includeVars }, { raw, choices }) {
  const more = new URLSearchParams(keepTime ? { from: raw.from, to: raw.to } : {});
  if (includeVars)
    for (const { name, chosen } of Object.values(choices))
      for (const value of chosen) more.append(`var-${name}`, value);
  return more.size ? `${url}${url.includes("?") ? "&" : "?"}${more}` : url;
}
