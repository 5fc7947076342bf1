// What a panel does with its frames before it draws them. One that is not here is named on the panel.

import { field, pattern, reduced, calculationName } from "./frames.js";

const KNOWN = {
  merge,
  organize,
  joinByField,
  seriesToColumns: joinByField,
  groupingToMatrix,
  sortBy,
  limit,
  filterFieldsByName,
  renameByRegex,
  labelsToFields,
  reduce,
  seriesToRows,
  filterByValue,
  groupBy,
  calculateField,
};

export function transformed(frames, panel) {
  const unknown = [];
  for (const { id, options = {}, disabled } of panel.transformations ?? []) {
    if (disabled) continue;
    if (Object.hasOwn(KNOWN, id)) frames = KNOWN[id](frames, options);
    else unknown.push(id);
  }
  return { frames, unknown };
}

const rowsOf = (frame) =>
  Array.from({ length: frame.length }, (_, row) =>
    Object.fromEntries(frame.fields.map((one) => [one.name, one.values[row]])),
  );

function fromRows(rows, like, refId = "A") {
  const fields = like.map((one) => ({ ...one, values: rows.map((row) => row[one.name] ?? null) }));
  return { refId, fields, length: rows.length };
}

const distinct = (frames) => {
  const found = new Map();
  for (const one of frames.flatMap((frame) => frame.fields)) if (!found.has(one.name)) found.set(one.name, one);
  return [...found.values()];
};

// Rows whose common fields are equal become one, where they have no other value for the same field.
function merge(frames) {
  if (frames.length < 2) return frames;
  const filled = frames.filter((frame) => frame.length);
  if (!filled.length) return frames.slice(0, 1);
  const like = distinct(filled);
  const common = like.filter(({ name }) => filled.every((frame) => frame.fields.some((one) => one.name === name)));
  const groups = new Map();
  for (const row of filled.flatMap(rowsOf)) {
    const key = JSON.stringify(common.map(({ name }) => row[name]));
    const group = groups.get(key) ?? [];
    if (!group.length) groups.set(key, group);
    const fitting = group.find((other) =>
      Object.keys(row).every((name) => !(name in other) || other[name] === row[name]),
    );
    if (fitting) Object.assign(fitting, row);
    else group.push({ ...row });
  }
  return [fromRows([...groups.values()].flat(), like)];
}

function organize(frames, { excludeByName = {}, indexByName = {}, renameByName = {}, includeByName = {} }) {
  const only = Object.values(includeByName).some(Boolean);
  return frames.map((frame) => {
    const kept = frame.fields.filter(({ name, display }) => {
      if (only && !includeByName[name] && !includeByName[display]) return false;
      return !excludeByName[name] && !excludeByName[display];
    });
    const place = ({ name, display }) => indexByName[name] ?? indexByName[display] ?? Infinity;
    const sorted = kept
      .map((one, index) => ({ one, index, at: place(one) }))
      .sort((a, b) => (a.at === b.at ? a.index - b.index : a.at - b.at))
      .map(({ one }) => renamed(one, renameByName[one.name] ?? renameByName[one.display]));
    return { ...frame, fields: sorted };
  });
}

const renamed = (one, name) => (name ? { ...one, name, display: name } : one);

function joinByField(frames, { byField = "Time", mode = "outer" }) {
  const joined = frames.filter((frame) => frame.fields.some(({ name }) => name === byField));
  if (joined.length < 2) return frames;
  const keys = joined.map((frame) => new Set(frame.fields.find(({ name }) => name === byField).values));
  const all = [...new Set(keys.flatMap((one) => [...one]))];
  const rows = mode === "inner" ? all.filter((key) => keys.every((one) => one.has(key))) : all;
  const counts = new Map();
  for (const { name } of joined.flatMap((frame) => frame.fields)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const key = { ...joined[0].fields.find(({ name }) => name === byField), values: rows };
  const others = joined.flatMap((frame, index) => {
    const at = new Map(frame.fields.find(({ name }) => name === byField).values.map((value, row) => [value, row]));
    return frame.fields
      .filter(({ name }) => name !== byField)
      .map((one) => {
        const named =
          counts.get(one.name) > 1 && one.display === one.name ? renamed(one, `${one.name} ${index + 1}`) : one;
        return { ...named, values: rows.map((row) => one.values[at.get(row)] ?? null) };
      });
  });
  return [{ refId: joined[0].refId, fields: [key, ...others], length: rows.length }];
}

function groupingToMatrix(frames, { rowField = "Time", columnField = "Time", valueField = "Value" }) {
  return frames.map((frame) => {
    const rows = rowsOf(frame);
    const left = [...new Set(rows.map((row) => row[rowField]))];
    const top = [...new Set(rows.map((row) => row[columnField]))];
    const values = new Map(rows.map((row) => [JSON.stringify([row[rowField], row[columnField]]), row[valueField]]));
    const fields = top.map((name) =>
      field(
        String(name),
        "number",
        left.map((key) => values.get(JSON.stringify([key, name])) ?? null),
      ),
    );
    return { ...frame, fields: [field(`${rowField}\\${columnField}`, "string", left), ...fields], length: left.length };
  });
}

const reordered = (frame, rows) => ({
  ...frame,
  fields: frame.fields.map((one) => ({ ...one, values: rows.map((row) => one.values[row]) })),
  length: rows.length,
});

export const compare = (one, other) => {
  if (one === other) return 0;
  if (one === null || one === undefined || one === "") return -1;
  if (other === null || other === undefined || other === "") return 1;
  return typeof one === "number" && typeof other === "number"
    ? one - other
    : String(one).localeCompare(String(other), "en", { numeric: true });
};

export function sorted(frame, name, isDescending) {
  const by = frame.fields.find((one) => one.display === name || one.name === name);
  if (!by) return frame;
  const sign = isDescending ? -1 : 1;
  const rows = [...Array(frame.length).keys()].sort((a, b) => sign * compare(by.values[a], by.values[b]));
  return reordered(frame, rows);
}

function sortBy(frames, { sort = [] }) {
  return frames.map((frame) =>
    sort.slice(0, 1).reduce((done, { field: name, desc }) => sorted(done, name, desc), frame),
  );
}

function limit(frames, { limitField = 10 }) {
  return frames.map((frame) => reordered(frame, [...Array(Math.min(frame.length, Number(limitField))).keys()]));
}

function filterFieldsByName(frames, { include = {}, exclude = {} }) {
  const wants = ({ names, pattern: text }, one, otherwise) => {
    if (!names && !text) return otherwise;
    return Boolean(
      names?.includes(one.display) || names?.includes(one.name) || (text && pattern(text).test(one.display)),
    );
  };
  return frames.map((frame) => ({
    ...frame,
    fields: frame.fields.filter((one) => wants(include, one, true) && !wants(exclude, one, false)),
  }));
}

function renameByRegex(frames, { regex = "", renamePattern = "" }) {
  const found = pattern(regex.startsWith("/") ? regex : `/${regex}/`);
  return frames.map((frame) => ({
    ...frame,
    fields: frame.fields.map((one) =>
      one.type !== "time" && found.test(one.display) ? renamed(one, one.display.replace(found, renamePattern)) : one,
    ),
  }));
}

// A series' labels as columns.
function labelsToFields(frames, { mode = "columns" }) {
  if (mode !== "columns") return frames;
  return merge(
    frames.map((frame) => {
      const labels = Object.assign({}, ...frame.fields.map((one) => one.labels));
      const columns = Object.entries(labels)
        .filter(([name]) => name !== "__name__")
        .map(([name, value]) => field(name, "string", Array(frame.length).fill(value)));
      return { ...frame, fields: [...frame.fields.map((one) => ({ ...one, labels: {} })), ...columns] };
    }),
  );
}

function reduce(frames, { reducers = ["lastNotNull"], mode = "seriesToRows", labelsToFields: asFields = false }) {
  const numeric = frames.flatMap((frame) => frame.fields.filter(({ type }) => type === "number"));
  if (mode === "reduceFields") {
    return frames.map((frame) => {
      const fields = frame.fields.filter(({ type }) => type === "number");
      return { ...frame, fields: fields.map((one) => ({ ...one, values: [reduced(one, reducers[0])] })), length: 1 };
    });
  }
  const names = asFields
    ? [...new Set(numeric.flatMap((one) => Object.keys(one.labels)))].filter((name) => name !== "__name__")
    : [];
  const first = names.length
    ? names.map((name) =>
        field(
          name,
          "string",
          numeric.map((one) => one.labels[name] ?? ""),
        ),
      )
    : [
        field(
          "Field",
          "string",
          numeric.map((one) => one.display),
        ),
      ];
  const columns = reducers.map((name) =>
    field(
      calculationName(name),
      "number",
      numeric.map((one) => reduced(one, name)),
    ),
  );
  return [{ refId: "A", fields: [...first, ...columns], length: numeric.length }];
}

function seriesToRows(frames) {
  const rows = frames.flatMap((frame) => {
    const [time, value] = ["time", "number"].map((type) => frame.fields.find((one) => one.type === type));
    return time && value
      ? time.values.map((at, row) => ({ Time: at, Metric: value.display, Value: value.values[row] }))
      : [];
  });
  return [fromRows(rows, [field("Time", "time", []), field("Metric", "string", []), field("Value", "number", [])])];
}

const TESTS = {
  equal: (value, { value: other }) => String(value) === String(other),
  notEqual: (value, { value: other }) => String(value) !== String(other),
  greater: (value, { value: other }) => value > Number(other),
  greaterOrEqual: (value, { value: other }) => value >= Number(other),
  lower: (value, { value: other }) => value < Number(other),
  lowerOrEqual: (value, { value: other }) => value <= Number(other),
  isNull: (value) => value === null,
  isNotNull: (value) => value !== null,
  regex: (value, { value: other }) => pattern(`/${other}/`).test(String(value)),
};

function filterByValue(frames, { filters = [], type = "include", match = "any" }) {
  return frames.map((frame) => {
    const holds = (row) => {
      const found = filters.map(({ fieldName, config }) => {
        const one = frame.fields.find(({ name, display }) => name === fieldName || display === fieldName);
        return one ? (TESTS[config.id]?.(one.values[row], config.options ?? {}) ?? false) : false;
      });
      return match === "all" ? found.every(Boolean) : found.some(Boolean);
    };
    const rows = [...Array(frame.length).keys()].filter((row) => holds(row) === (type === "include"));
    return reordered(frame, rows);
  });
}

function groupBy(frames, { fields: wanted = {} }) {
  return frames.map((frame) => {
    const keys = frame.fields.filter(({ name }) => wanted[name]?.operation === "groupby");
    const groups = Map.groupBy([...Array(frame.length).keys()], (row) =>
      JSON.stringify(keys.map((one) => one.values[row])),
    );
    const rows = [...groups.values()];
    const columns = frame.fields.flatMap((one) =>
      (wanted[one.name]?.operation === "aggregate" ? wanted[one.name].aggregations : []).map((name) =>
        field(
          `${one.name} (${name})`,
          "number",
          rows.map((group) => reduced({ values: group.map((row) => one.values[row]) }, name)),
        ),
      ),
    );
    const first = keys.map((one) => ({ ...one, values: rows.map(([row]) => one.values[row]) }));
    return { ...frame, fields: [...first, ...columns], length: rows.length };
  });
}

const OPERATORS = { "+": (a, b) => a + b, "-": (a, b) => a - b, "*": (a, b) => a * b, "/": (a, b) => a / b };

function calculateField(frames, { mode, binary = {}, reduce: how = {}, alias, replaceFields }) {
  return frames.map((frame) => {
    const numeric = frame.fields.filter(({ type, name }) => type === "number" && (how.include?.includes(name) ?? true));
    const side = (given, row) => {
      const name = given?.matcher?.options ?? given?.fixed ?? given;
      const one = frame.fields.find((other) => other.display === name || other.name === name);
      return one ? one.values[row] : Number(name);
    };
    const values = Array.from({ length: frame.length }, (_, row) =>
      mode === "binary"
        ? (OPERATORS[binary.operator ?? "+"]?.(side(binary.left, row), side(binary.right, row)) ?? null)
        : reduced({ values: numeric.map((one) => one.values[row]) }, how.reducer ?? "sum"),
    );
    const made = field(alias || "Total", "number", values);
    return {
      ...frame,
      fields: replaceFields ? [...frame.fields.filter(({ type }) => type !== "number"), made] : [...frame.fields, made],
    };
  });
}
