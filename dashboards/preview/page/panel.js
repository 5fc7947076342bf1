// One panel: its frame, its queries, and what its box says when there is nothing to draw.

import { element } from "./dom.js";
import { configured, frames } from "./frames.js";
import { resolved, linked } from "./links.js";
import { run, timeScope, timing } from "./prometheus.js";
import { fill } from "./template.js";
import { duration, isRelative, moment } from "./time.js";
import { transformed } from "./transformations.js";
import { draw as alertlist } from "./alertlist.js";
import { draw as bargauge } from "./bargauge.js";
import { draw as dashlist } from "./dashlist.js";
import { draw as gauge } from "./gauge.js";
import { draw as heatmap } from "./heatmap.js";
import { draw as pie } from "./pie.js";
import { draw as barchart } from "./barchart.js";
import { draw as stat } from "./stat.js";
import { draw as table } from "./table.js";
import { draw as text } from "./text.js";
import { draw as timeline } from "./timeline.js";
import { draw as timeseries } from "./timeseries.js";

const DRAWERS = {
  stat,
  timeseries,
  graph: timeseries,
  bargauge,
  gauge,
  table,
  heatmap,
  piechart: pie,
  barchart,
  "state-timeline": timeline,
  "status-history": timeline,
};
// These ask nothing, or what they themselves know of.
const ALONE = { text, dashlist, alertlist };

const NOT_DRAWN = { logs: "The preview draws no logs. In Grafana they stand here, read from Elasticsearch." };

export class Panel {
  constructor(json, page) {
    this.json = json;
    this.page = page;
    this.body = element("div", { class: "body" });
    this.note = element("p", { class: "note", hidden: true });
    this.head = element("header", {});
    this.node = element(
      "section",
      { class: `panel ${json.type}`, "data-panel": json.id, "data-type": json.type, "data-state": "loading" },
      this.head,
      this.note,
      this.body,
    );
    const { x = 0, w = 24, h = 8 } = json.gridPos ?? {};
    this.node.style.setProperty("grid-column", `${x + 1} / span ${w}`);
    this.height = h;
  }

  // Ask and draw; a newer call makes this one void.
  async refresh() {
    this.abort?.abort();
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.set("loading");
    this.title();
    try {
      await this.load(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.say("error", error.message);
    }
  }

  title() {
    const { title = "", description = "", timeFrom, links = [] } = this.json;
    const { scope } = this.page;
    const heading = element("h3", { title: title && fill(title, scope) }, fill(title, scope));
    const info =
      description &&
      element(
        "button",
        { class: "info", type: "button", title: fill(description, scope), "aria-label": "What this shows" },
        "i",
      );
    const own = resolved(links, scope).map((link) => linked("↗", [link], { "aria-label": link.title }));
    const span = timeFrom && isRelative(this.page.raw.from) && element("span", { class: "span" }, `last ${timeFrom}`);
    this.head.replaceChildren(...[heading, info, span, ...own].filter(Boolean));
  }

  range() {
    const { timeFrom } = this.json;
    const { range, raw } = this.page;
    if (!timeFrom || !isRelative(raw.from)) return range;
    const span = duration(timeFrom);
    return Number.isNaN(span)
      ? { from: moment(timeFrom, range.to), to: range.to }
      : { from: range.to - span, to: range.to };
  }

  async load(signal) {
    const { type, targets = [], maxDataPoints, interval } = this.json;
    this.context = { ...this.page, panel: this.json, range: this.range(), signal };
    if (Object.hasOwn(ALONE, type)) return this.show(await ALONE[type](this.body, this.json, this.context), signal);
    if (Object.hasOwn(NOT_DRAWN, type)) return this.say("elsewhere", NOT_DRAWN[type]);
    if (!Object.hasOwn(DRAWERS, type))
      return this.say("elsewhere", `The preview does not draw panels of the type ${type}; Grafana does.`);
    const asked = targets.filter(
      ({ hide, datasource }) => !hide && (datasource?.type ?? "prometheus") === "prometheus",
    );
    const other = targets.find(({ hide }) => !hide) && !asked.length && targets[0].datasource?.type;
    if (other) return this.say("elsewhere", `This panel asks ${other}; the preview asks Prometheus only.`);
    const { range, scope, scrape } = this.context;
    const least = (text) => duration(fill(text || "", scope)) || 0;
    const points = maxDataPoints || Math.max(50, Math.round(this.body.clientWidth));
    const answers = await Promise.all(
      asked.map(async (target) => {
        // A query may ask for a longer step of its own.
        const minimum = least(target.interval) || scrape;
        const times = timing(range, points, Math.max(minimum, least(interval)), minimum);
        const expression = fill(target.expr, { ...scope, ...timeScope(range, times) }, { promql: true });
        const data = await run(target, expression, range, times.interval, signal);
        return frames(target, data, range, times.interval, asked.length > 1);
      }),
    );
    const { frames: found, unknown } = transformed(answers.flat(), this.json);
    this.unknown = unknown;
    this.found = configured(found, this.json, scope);
    this.context.events = await this.page.events;
    this.redraw(signal);
  }

  // Draw what was found, as on a window of another size.
  redraw(signal = this.abort?.signal) {
    if (!this.found || signal?.aborted) return;
    const { noValue } = this.json.fieldConfig?.defaults ?? {};
    const values = this.found
      .flatMap((frame) => frame.fields.filter(({ type }) => type !== "time"))
      .flatMap((one) => one.values);
    if (!values.some((value) => value !== null && !Number.isNaN(value))) {
      this.say("empty", noValue ?? "No data");
      return;
    }
    const notes = DRAWERS[this.json.type](this.body, this.found, this.context) ?? {};
    const unknown = this.unknown.map((id) => `the preview does not do the transformation ${id}`);
    this.show({ ...notes, note: [notes.note, ...unknown].filter(Boolean).join("; ") }, signal);
  }

  show({ empty, elsewhere, note = "" } = {}, signal) {
    if (signal?.aborted) return;
    if (empty || elsewhere) {
      this.say(empty ? "empty" : "elsewhere", empty ?? elsewhere);
      return;
    }
    this.note.textContent = note;
    this.note.hidden = !note;
    this.set("drawn");
  }

  say(state, words) {
    this.found = state === "error" ? undefined : this.found;
    this.note.hidden = true;
    this.body.replaceChildren(element("p", { class: `words ${state}` }, words));
    this.set(state);
  }

  set(state) {
    this.node.dataset.state = state;
    this.page.settled();
  }
}
