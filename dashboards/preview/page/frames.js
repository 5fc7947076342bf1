// Answers as Grafana's frames: tables of fields, each with its values and with what the panel says of its looks.

import { aligned } from "./prometheus.js";
import { fill, legend, pointScope } from "./template.js";

const SPECIAL = { "+Inf": Infinity, "-Inf": -Infinity };
const parsed = (text) => SPECIAL[text] ?? Number(text);

export const field = (name, type, values, labels = {}) => ({ name, type, values, labels, config: {}, display: name });

const samples = (result) => result.values ?? (result.value ? [result.value] : []);

// Frames of one target; `several`: whether others bring values, too.
export function frames(target, data, range, interval, several) {
  if (data.resultType === "scalar" || data.resultType === "string") {
    data = { resultType: "vector", result: [{ metric: {}, value: data.result }] };
  }
  if (target.format === "table") return [table(target, data, several)];
  const results = target.format === "heatmap" ? buckets(data.result) : data.result;
  return results.map((result) => series(target, result, data.resultType === "matrix", range, interval));
}

function series(target, result, isMatrix, range, interval) {
  const points = new Map(samples(result).map(([at, value]) => [Math.round(at * 1000), parsed(value)]));
  let times = [...points.keys()];
  if (isMatrix) {
    const { start, end } = aligned(range, interval);
    times = [];
    for (let at = start; at <= end; at += interval) times.push(at);
  }
  const value = field(
    "Value",
    "number",
    times.map((at) => points.get(at) ?? null),
    result.metric,
  );
  value.display = legend(target.legendFormat, result.metric) || target.expr || "Value";
  return { refId: target.refId, fields: [field("Time", "time", times), value], length: times.length };
}

function table(target, data, several) {
  const names = [...new Set(data.result.flatMap((result) => Object.keys(result.metric)))].sort();
  const rows = data.result.flatMap((result) => samples(result).map((sample) => ({ labels: result.metric, sample })));
  const fields = [
    field(
      "Time",
      "time",
      rows.map(({ sample }) => sample[0] * 1000),
    ),
    ...names.map((name) =>
      field(
        name,
        "string",
        rows.map(({ labels }) => labels[name] ?? ""),
      ),
    ),
    field(
      several ? `Value #${target.refId}` : "Value",
      "number",
      rows.map(({ sample }) => parsed(sample[1])),
    ),
  ];
  return { refId: target.refId, fields, length: rows.length };
}

// A bucket of Prometheus holds those below it, too.
function buckets(results) {
  const sorted = results.toSorted((one, other) => parsed(one.metric.le) - parsed(other.metric.le));
  const before = new Map();
  return sorted.map((result) => ({
    ...result,
    values: samples(result).map(([at, text]) => {
      const below = before.get(at) ?? 0;
      before.set(at, parsed(text));
      return [at, String(Math.max(0, parsed(text) - below))];
    }),
  }));
}

// Give every field its looks: the panel's defaults, and what its overrides say of it.
export function configured(found, panel, scope) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  for (const frame of found) {
    for (const one of frame.fields) {
      one.config = structuredClone(defaults);
      if (one.type === "time") one.config = { custom: one.config.custom, unit: "dateTimeAsIso" };
      for (const { matcher, properties } of overrides) {
        if (!matches(matcher, one, frame)) continue;
        for (const { id, value } of properties) place(one.config, id.split("."), value);
      }
      if (one.config.displayName) {
        one.display = fill(one.config.displayName, { ...scope, ...pointScope(one, undefined, 0, frame.fields) });
      }
    }
  }
  return found;
}

function place(config, [name, ...rest], value) {
  if (rest.length) place((config[name] ??= {}), rest, value);
  else config[name] = value;
}

function matches({ id, options }, one, frame) {
  switch (id) {
    case "byName":
      return one.display === options || one.name === options;
    case "byRegexp":
      return pattern(options).test(one.display);
    case "byType":
      return one.type === options;
    case "byFrameRefID":
      return frame.refId === options;
    default:
      return false;
  }
}

// Of "/…/i" or of the bare pattern; one that is none matches nothing.
export function pattern(text) {
  const [, body, flags] = /^\/(.*)\/([a-z]*)$/s.exec(text) ?? [null, `^(?:${text})$`, ""];
  try {
    return new RegExp(body, flags.replace("g", ""));
  } catch {
    return /(?!)/;
  }
}

const numbers = (values) => values.filter((value) => value !== null && !Number.isNaN(value));
const sum = (values) => values.reduce((total, value) => total + value, 0);

const CALCULATIONS = {
  last: (values) => values.at(-1),
  lastNotNull: (values) => values.findLast((value) => value !== null && !Number.isNaN(value)),
  first: (values) => values[0],
  firstNotNull: (values) => values.find((value) => value !== null),
  mean: (values) => (numbers(values).length ? sum(numbers(values)) / numbers(values).length : null),
  min: (values) => (numbers(values).length ? numbers(values).reduce((a, b) => Math.min(a, b)) : null),
  max: (values) => (numbers(values).length ? numbers(values).reduce((a, b) => Math.max(a, b)) : null),
  sum: (values) => sum(numbers(values)),
  count: (values) => values.length,
  range: (values) => CALCULATIONS.max(values) - CALCULATIONS.min(values),
  diff: (values) => numbers(values).at(-1) - numbers(values)[0],
  delta: (values) => numbers(values).at(-1) - numbers(values)[0],
  distinctCount: (values) => new Set(values).size,
  changeCount: (values) => values.filter((value, index) => index && value !== values[index - 1]).length,
};
const NAMES = { lastNotNull: "Last *", firstNotNull: "First *", distinctCount: "Distinct", changeCount: "Changes" };

export const reduced = (one, calculation = "lastNotNull") =>
  (CALCULATIONS[calculation] ?? CALCULATIONS.lastNotNull)(one.values) ?? null;

export const calculationName = (name) => NAMES[name] ?? name[0].toUpperCase() + name.slice(1);

// What a stat, a gauge or a bar shows: [{field, value, row, fields}, …].
export function single(found, options = {}) {
  const { calcs = ["lastNotNull"], fields: wanted = "", values: all = false, limit = 25 } = options;
  const shown = [];
  for (const frame of found) {
    const text = all && frame.fields.find((one) => one.type === "string");
    for (const one of frame.fields) {
      if (wanted ? !pattern(wanted).test(one.display) : one.type !== "number") continue;
      const rows = all ? [...one.values.keys()].slice(0, limit) : [undefined];
      for (const row of rows) {
        const value = all ? one.values[row] : reduced(one, calcs[0]);
        const named = text ? { ...one, display: text.values[row] } : one;
        shown.push({ field: named, value, row: row ?? Math.max(0, frame.length - 1), fields: frame.fields });
      }
    }
  }
  return shown.filter(({ value }) => value !== null && value !== undefined);
}
