// The page of one board: reads the address, asks, draws, and asks again.

import * as annotations from "./annotations.js";
import { anchor, element } from "./dom.js";
import { header } from "./header.js";
import { get } from "./prometheus.js";
import { fill } from "./template.js";
import { duration, isRelative, moment } from "./time.js";
import { sections } from "./sections.js";
import * as variables from "./variables.js";

// What all parts of the page know: see `address` and `refresh` for what changes.
const page = { settled, zoom, href, events: Promise.resolve([]), choices: {}, muted: new Set() };
let rows = [];
let timer = 0;
let turn = 0;

const parameters = () => new URLSearchParams(location.search);

function settled() {
  const open = rows.filter(({ isOpen }) => isOpen).flatMap(({ panels }) => panels);
  const waits = page.isAsking || open.some(({ node }) => node.dataset.state === "loading");
  document.body.dataset.state = waits ? "loading" : "drawn";
}

// Take from the address what it says, and the rest from the board.
function address() {
  const { time = {}, refresh = "" } = page.board;
  const given = parameters();
  const raw = { from: given.get("from") || time.from || "now-6h", to: given.get("to") || time.to || "now" };
  const now = Date.now();
  const range = { from: moment(raw.from, now), to: moment(raw.to, now, true) };
  if (!(range.from < range.to)) {
    page.problem = `the time range from ${raw.from} to ${raw.to} is none: the last 6 hours are shown`;
    Object.assign(page, { raw: { from: "now-6h", to: "now" }, range: { from: now - 216e5, to: now } });
  } else {
    page.problem = "";
    Object.assign(page, { raw, range });
  }
  page.every = given.has("refresh") ? given.get("refresh") : refresh;
  document.body.classList.toggle("kiosk", given.has("kiosk"));
}

// The address of a board, with what the page shows now.
function href(uid, { includeVars = true, keepTime = true } = {}) {
  const { from, to } = page.raw;
  const kept = [
    ...(keepTime
      ? [
          ["from", from],
          ["to", to],
        ]
      : []),
    ...(includeVars ? variables.parameters(page.choices) : []),
  ];
  return `/d/${encodeURIComponent(uid)}?${new URLSearchParams(kept)}`;
}

function zoom(from, to) {
  change({ raw: { from: String(from), to: String(to) } });
}

// Follow what somebody chose, and remember it in the address.
function change({ raw = page.raw, choice, values, every = page.every }) {
  const given = new URLSearchParams([
    ["from", raw.from],
    ["to", raw.to],
    ["refresh", every],
  ]);
  for (const [name, value] of variables.parameters(page.choices))
    if (name !== `var-${choice}`) given.append(name, value);
  for (const value of values ?? []) given.append(`var-${choice}`, value);
  history.pushState(null, "", `${location.pathname}?${given}`);
  refresh(true);
}

async function refresh(isNew) {
  const mine = ++turn;
  clearTimeout(timer);
  Object.assign(page, { isAsking: true, isChanged: isNew });
  settled();
  address();
  const { board } = page;
  // Choices stay while only time goes by, unless one of them lacks its values.
  if (isNew || Object.values(page.choices).some(({ error }) => error)) {
    const choices = await variables.load(board, parameters(), page.range, { __dashboard: known });
    if (mine !== turn) return;
    page.choices = choices;
  }
  const { from, to } = page.raw;
  page.scope = {
    ...page.choices,
    __dashboard: known,
    __url_time_range: new URLSearchParams({ from, to }).toString(),
    __all_variables: new URLSearchParams(variables.parameters(page.choices)).toString(),
  };
  page.events = happened();
  header(page, change, () => refresh(false));
  Object.assign(page, { isAsking: false, isChanged: false });
  await Promise.all(rows.map((row) => row.refresh()));
  settled();
  if (mine === turn && page.every) timer = setTimeout(again, Math.max(1000, duration(page.every) || 6e4));
}

const known = (path) => ({ uid: page.board.uid, name: page.board.title })[path ?? "name"];

// A page that nobody sees asks nothing; nor does a time range that has passed.
function again() {
  if (!document.hidden && isRelative(page.raw.to)) refresh(false);
  else timer = setTimeout(again, 1000);
}

// The events of all annotations that are on; one that fails is named beside its switch.
async function happened() {
  page.failed = new Map();
  const listed = (page.board.annotations?.list ?? []).filter(
    (one) => one.expr && one.enable !== false && !page.muted.has(one.name),
  );
  const found = await Promise.all(
    listed.map(async (one) => {
      try {
        return await annotations.load(one, page.range, page.scope);
      } catch (error) {
        page.failed.set(one.name, error.message);
        header(page, change, () => refresh(false));
        return [];
      }
    }),
  );
  return found.flat();
}

async function start() {
  const uid = decodeURIComponent(location.pathname.split("/")[2]);
  const index = await get("/api/boards");
  Object.assign(page, { boards: index.boards, prometheus: index.prometheus, scrape: index.scrape_interval * 1000 });
  page.board = await get(`/api/boards/${encodeURIComponent(uid)}`);
  document.title = `${fill(page.board.title, {})} (preview, not Grafana)`;
  rows = sections(page, parameters().get("rows") === "open");
  document.body.append(
    element("header", { id: "top" }),
    element(
      "main",
      {},
      rows.map(({ node }) => node),
    ),
  );
  addEventListener("popstate", () => refresh(true));
  let resized = 0;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => rows.forEach((row) => row.redraw()), 150);
  });
  await refresh(true);
}

start().catch((error) => {
  document.body.append(
    element("main", {}, element("p", { class: "words error" }, error.message), anchor("/", "To the first board")),
  );
  document.body.dataset.state = "failed";
});
