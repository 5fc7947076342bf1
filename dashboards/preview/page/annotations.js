// What happened meanwhile: a point or a span of time for each series of an annotation's query.

import { faded, named } from "./colors.js";
import { ask } from "./prometheus.js";
import { fill, legend } from "./template.js";
import { duration } from "./time.js";

const POINTS = 100; // of the query, which is asked at that part of the time range

// [{from, to, title, text, color}, …] of one annotation.
export async function load(annotation, range, scope, signal) {
  const query = fill(annotation.expr, scope, { promql: true });
  const step = Math.max(
    duration(fill(annotation.step || "60s", scope)) || 6e4,
    Math.ceil((range.to - range.from) / POINTS / 1000) * 1000,
  );
  const found = await ask(
    "query_range",
    { query, start: range.from / 1000, end: range.to / 1000, step: step / 1000 },
    signal,
  );
  return found.result.flatMap(({ metric, values }) => {
    const about = {
      title: legend(annotation.titleFormat, metric) || annotation.name,
      text: annotation.textFormat ? legend(annotation.textFormat, metric) : "",
      color: named(annotation.iconColor),
    };
    return spans(values, step, annotation.useValueForTime).map((one) => ({ ...one, ...about }));
  });
}

function spans(values, step, isMoment) {
  const found = [];
  for (const [at, text] of values) {
    if (!Number(text)) continue;
    const moment = Math.floor(isMoment ? Number(text) : at * 1000);
    const last = found.at(-1);
    if (last && moment <= last.to + step) last.to = Math.max(last.to, moment);
    else found.push({ from: moment, to: moment });
  }
  return found;
}

const within = (events, { from, to }) => events.filter((one) => one.to >= from && one.from <= to);

// As shapes of a plot.
export function shapes(events, range) {
  return within(events, range).flatMap(({ from, to, color }) => {
    const [start, end] = [Math.max(from, range.from), Math.min(to, range.to)];
    const place = { xref: "x", yref: "paper", y0: 0, y1: 1, layer: "below" };
    const edge = { ...place, type: "line", x0: start, x1: start, line: { color, width: 1, dash: "dot" } };
    if (to === from) return [edge];
    return [edge, { ...place, type: "rect", x0: start, x1: end, line: { width: 0 }, fillcolor: faded(color, 0.08) }];
  });
}

// What a tooltip at this moment adds.
export const at = (events, moment, slack) =>
  events.filter(({ from, to }) => moment >= from - slack && moment <= to + slack);
