// Variables in texts: $name, ${name}, ${name.path:format}. What nobody knows stays as it is written, as in Grafana.

const VARIABLE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}/g;

const escaped = (value) => value.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
// In a double-quoted string of PromQL a backslash is two.
const inPromql = (value) =>
  value
    .replace(/\\/g, "\\\\\\\\")
    .replace(/[$^*{}[\]'+?.()|]/g, "\\\\$&")
    .replace(/"/g, '\\"');
const each = (value) => (Array.isArray(value) ? value : [value]).map(String);
const alternatives = (values) => (values.length === 1 ? values[0] : `(${values.join("|")})`);
const encoded = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);

const FORMATS = {
  raw: (value) => each(value).join(","),
  csv: (value) => each(value).join(","),
  pipe: (value) => each(value).join("|"),
  glob: (value) => (each(value).length > 1 ? `{${each(value).join(",")}}` : (each(value)[0] ?? "")),
  json: (value) => JSON.stringify(Array.isArray(value) ? value : String(value)),
  regex: (value) => alternatives(each(value).map(escaped)),
  percentencode: (value) => encoded(FORMATS.glob(value)),
  uriencode: (value) => encodeURI(FORMATS.glob(value)),
  doublequote: (value) =>
    each(value)
      .map((one) => `"${one.replace(/"/g, '\\"')}"`)
      .join(","),
  singlequote: (value) =>
    each(value)
      .map((one) => `'${one.replace(/'/g, "\\'")}'`)
      .join(","),
  lucene: (value) =>
    alternatives(each(value).map((one) => `"${one.replace(/["\\]/g, "\\$&")}"`)).replaceAll('"|"', '" OR "'),
};

// A choice of the board's: what an expression, a text and an address get of it.
function chosen(choice, format, isPromql) {
  if (format === "queryparam") {
    return choice.chosen.map((value) => `var-${encoded(choice.name)}=${encoded(value)}`).join("&");
  }
  if (format === "text") return choice.text;
  if (choice.isAll && choice.allValue && format !== "percentencode") return choice.allValue;
  const value = choice.values.length === 1 ? choice.values[0] : choice.values;
  if (format) return (FORMATS[format] ?? FORMATS.glob)(choice.isAll && choice.allValue ? choice.allValue : value);
  if (!isPromql) return FORMATS.glob(value);
  if (choice.multi || choice.includeAll) return alternatives(each(value).map(inPromql));
  return String(value).replace(/\\/g, "\\\\").replace(/"/g, '\\"');
}

// `scope` holds by name a choice, a text, or a function of the path after the name.
export function fill(text, scope, { promql = false } = {}) {
  return String(text ?? "").replace(VARIABLE, (whole, plain, square, squareFormat, name, path, format) => {
    const found = Object.hasOwn(scope, plain ?? square ?? name) ? scope[plain ?? square ?? name] : undefined;
    const wanted = squareFormat ?? format;
    if (found === undefined) return whole;
    if (found?.chosen) return chosen(found, wanted, promql);
    const value = typeof found === "function" ? found(path, wanted) : found;
    if (value === undefined || value === null) return typeof found === "function" && path ? "" : whole;
    return wanted ? (FORMATS[wanted] ?? FORMATS.glob)(value) : FORMATS.glob(value);
  });
}

// What a link from a value knows: the series, the value, and the other fields of its row.
export function pointScope(field, shown, row = undefined, fields = []) {
  const value = { raw: shown?.value, numeric: shown?.value, text: shown?.text, time: shown?.time };
  return {
    __field: (path = "") => {
      if (path === "name") return field.display;
      return path === "labels" ? labelsText(field.labels) : field.labels[key(path.replace(/^labels/, ""))];
    },
    __series: (path) => (path === "name" ? field.display : undefined),
    __value: (path) => value[path],
    __data: (path = "") => {
      const wanted = key(path.replace(/^fields/, ""));
      const one = fields.find((other) => other.display === wanted || other.name === wanted) ?? fields[Number(wanted)];
      return one && row !== undefined ? one.values[row] : undefined;
    },
  };
}

// The name in `.name`, `.name.text`, `["a name"]` or `[0]`.
function key(path) {
  const match = /^\.?\[?["']?(.*?)["']?\]?(?:\.(?:text|numeric|raw))?$/.exec(path);
  return match ? match[1] : path;
}

export const labelsText = (labels) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(", ");

// The name of a series by its {{labels}}; without a pattern its labels.
export function legend(pattern, metric) {
  const { __name__: name = "", ...labels } = metric;
  if (pattern && pattern !== "__auto")
    return pattern.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? "");
  return name || Object.keys(labels).length ? `${name}{${labelsText(labels)}}`.replace(/\{\}$/, "") : "";
}
