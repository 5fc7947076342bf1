// A value as text in a colour: value mappings first, then unit and thresholds.

import { between, named, palette } from "./colors.js";
import { pattern, reduced } from "./frames.js";
import { format } from "./units.js";

const isNumber = (value) => typeof value === "number" && !Number.isNaN(value);

const SPECIAL = {
  null: (value) => value === null || value === undefined,
  nan: (value) => Number.isNaN(value),
  "null+nan": (value) => value === null || value === undefined || Number.isNaN(value),
  true: (value) => value === true,
  false: (value) => value === false,
  empty: (value) => value === "",
};

// The {text, color} that a value is mapped to, if it is.
function mapped(value, mappings = []) {
  for (const { type, options } of mappings) {
    if (type === "value" && Object.hasOwn(options, String(value))) return options[String(value)];
    if (type === "range" && isNumber(value)) {
      if (value >= (options.from ?? -Infinity) && value <= (options.to ?? Infinity)) return options.result;
    }
    if (type === "regex" && pattern(options.pattern).test(String(value))) {
      const text = options.result.text && String(value).replace(pattern(options.pattern), options.result.text);
      return { ...options.result, text };
    }
    if (type === "special" && SPECIAL[options.match]?.(value)) return options.result;
  }
  return undefined;
}

// The steps, with their values as numbers; those in percent are of the field's span.
export function steps(config, [low, high] = [0, 100]) {
  const { mode, steps: given = [] } = config.thresholds ?? {};
  return given.map(({ color, value }) => {
    const at = value === null || value === undefined ? -Infinity : Number(value);
    return {
      color: named(color),
      at: mode === "percentage" && at !== -Infinity ? low + ((high - low) * at) / 100 : at,
    };
  });
}

const stepOf = (value, config, span) => steps(config, span).findLast(({ at }) => value >= at)?.color;

// The span of a gauge, a bar or a continuous scale.
export function span(fields, config) {
  const values = fields
    .flatMap((one) => one.values)
    .filter(isNumber)
    .filter(Number.isFinite);
  const low = config.min ?? (values.length ? values.reduce((a, b) => Math.min(a, b)) : 0);
  const high = config.max ?? (values.length ? values.reduce((a, b) => Math.max(a, b)) : 100);
  return [low, high > low ? high : low + 1];
}

export function show(field, value, { index = 0, bounds = [0, 100], otherwise = "thresholds" } = {}) {
  const { config } = field;
  const hit = mapped(value, config.mappings);
  let text = isNumber(value)
    ? format(value, config.unit, config.decimals)
    : value === null || value === undefined
      ? ""
      : String(value);
  if (hit?.text) text = hit.text;
  return { value, text, color: hit?.color ? named(hit.color) : colorOf(config, value, index, bounds, otherwise) };
}

function colorOf(config, value, index, bounds, otherwise) {
  const mode = config.color?.mode ?? otherwise;
  if (mode === "fixed" || mode === "shades") return named(config.color?.fixedColor);
  if (mode.startsWith("continuous-")) return between(mode, (value - bounds[0]) / (bounds[1] - bounds[0]));
  if (mode.startsWith("palette")) return palette(index);
  return isNumber(value) ? (stepOf(value, config, bounds) ?? named("text")) : named("text");
}

// Of a line or a bar over time.
export function seriesColor(field, index) {
  const last = reduced(field, "lastNotNull");
  return show({ ...field, config: { ...field.config, mappings: [] } }, last, {
    index,
    bounds: span([field], field.config),
    otherwise: "palette-classic",
  }).color;
}
