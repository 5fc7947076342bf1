// Alert list: what fires in Prometheus now, and since when.

import { element } from "./dom.js";
import { ask } from "./prometheus.js";
import { fill, labelsText } from "./template.js";
import { format } from "./units.js";

export async function draw(body, { options = {}, fieldConfig }, { scope, range, signal }) {
  const {
    maxItems = 20,
    alertName = "",
    alertInstanceLabelFilter = "",
    stateFilter = { firing: true, pending: true },
  } = options;
  const wanted = ["firing", "pending"].filter((name) => stateFilter[name]);
  const matchers = fill(alertInstanceLabelFilter, scope, { promql: true })
    .replace(/^\s*\{|\}\s*$/g, "")
    .trim();
  const selector = [`alertstate=~"${wanted.join("|") || "firing"}"`, ...(matchers ? [matchers] : [])].join(",");
  const time = range.to / 1000;
  const [alerts, begun] = await Promise.all([
    ask("query", { query: `ALERTS{${selector}}`, time }, signal),
    ask("query", { query: "ALERTS_FOR_STATE", time }, signal),
  ]);
  const key = ({ __name__: _, alertstate: __, ...labels }) => JSON.stringify(Object.entries(labels).sort());
  const since = new Map(begun.result.map(({ metric, value }) => [key(metric), Number(value[1])]));
  const found = alerts.result
    .map(({ metric }) => ({ metric, since: since.get(key(metric)) }))
    .filter(({ metric }) => metric.alertname.includes(alertName))
    .sort((a, b) => (b.since ?? 0) - (a.since ?? 0));
  if (!found.length) return { empty: fieldConfig?.defaults?.noValue ?? "No alerts fire" };
  const items = found
    .slice(0, maxItems)
    .map(({ metric: { __name__: _, alertname, alertstate, ...labels }, since: from }) =>
      element(
        "li",
        { class: alertstate },
        element("b", {}, alertname),
        element("span", { class: "state" }, alertstate),
        from && element("span", { class: "since" }, `for ${format(time - from, "s", 0)}`),
        element("div", { class: "labels" }, labelsText(labels)),
      ),
    );
  body.replaceChildren(element("ul", { class: "alerts" }, items));
  return { note: found.length > maxItems ? `the first ${maxItems} of ${found.length}` : "" };
}
