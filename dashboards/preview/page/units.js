// A number as a person reads it, by Grafana's names of units.

const scaled =
  (names, base = 1000) =>
  (value, decimals) => {
    let index = 0;
    let size = value;
    while (Math.abs(size) >= base && index < names.length - 1) {
      size /= base;
      index += 1;
    }
    return fixed(size, decimals, index > 0) + names[index];
  };

const SI = ["", " k", " M", " G", " T", " P"];
const prefixed = (unit) => scaled(SI.map((prefix) => (prefix ? `${prefix}${unit}` : ` ${unit}`)));
const binary = (unit) =>
  scaled(
    ["", "Ki", "Mi", "Gi", "Ti", "Pi"].map((prefix) => ` ${prefix}${unit}`),
    1024,
  );
const after = (unit) => (value, decimals) => `${fixed(value, decimals)}${unit}`;
const per = (unit) => scaled(["", "K", "M", "B"].map((prefix) => `${prefix} ${unit}`));

const SPANS = [
  [1e-9, " ns"],
  [1e-6, " µs"],
  [1e-3, " ms"],
  [1, " s"],
  [60, " min"],
  [3600, " hour"],
  [86400, " day"],
  [604800, " week"],
  [31536000, " year"],
];

function span(seconds, decimals) {
  if (!seconds) return "0 s";
  const [size, name] = SPANS.findLast(([least]) => Math.abs(seconds) >= least) ?? SPANS[0];
  const text = fixed(seconds / size, decimals, true);
  return text + name + (/ (hour|day|week|year)/.test(name) && Number(text) !== 1 ? "s" : "");
}

const time = (size) => (value, decimals) => span(value * size, decimals);

const two = (number) => String(Math.trunc(number)).padStart(2, "0");

// "1:02:03", or with days before it.
function clockwork(seconds) {
  const size = Math.abs(seconds);
  const days = Math.floor(size / 86400);
  const clock = `${two((size % 86400) / 3600)}:${two((size % 3600) / 60)}:${two(size % 60)}`;
  return `${seconds < 0 ? "-" : ""}${days ? `${days} d ` : ""}${clock}`;
}

function ago(milliseconds) {
  const seconds = (Date.now() - milliseconds) / 1000;
  return seconds < 0 ? `in ${span(-seconds, 0)}` : `${span(seconds, 0)} ago`;
}

const moment = (milliseconds) => new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ");

const UNITS = {
  none: after(""),
  short: scaled(["", " K", " Mil", " Bil", " Tri"]),
  sishort: scaled(SI),
  percent: after("%"),
  percentunit: (value, decimals) => after("%")(value * 100, decimals),
  ns: time(1e-9),
  µs: time(1e-6),
  ms: time(1e-3),
  s: time(1),
  m: time(60),
  h: time(3600),
  d: time(86400),
  dtdurations: (value) => lasting(value),
  dtdurationms: (value) => lasting(value / 1000),
  dthms: clockwork,
  dtdhms: clockwork,
  clocks: clockwork,
  clockms: (value) => clockwork(value / 1000),
  bytes: binary("B"),
  decbytes: prefixed("B"),
  bits: binary("b"),
  decbits: prefixed("b"),
  kbytes: (value, decimals) => binary("B")(value * 1024, decimals),
  mbytes: (value, decimals) => binary("B")(value * 1048576, decimals),
  binBps: binary("B/s"),
  Bps: prefixed("B/s"),
  binbps: binary("b/s"),
  bps: prefixed("b/s"),
  hertz: prefixed("Hz"),
  cps: per("c/s"),
  ops: per("ops/s"),
  reqps: per("req/s"),
  rps: per("rd/s"),
  wps: per("wr/s"),
  iops: per("io/s"),
  eps: per("evt/s"),
  mps: per("msg/s"),
  cpm: per("c/m"),
  opm: per("ops/m"),
  rpm: per("req/m"),
  locale: (value) => value.toLocaleString("en"),
  bool: (value) => (value ? "True" : "False"),
  bool_yes_no: (value) => (value ? "Yes" : "No"),
  bool_on_off: (value) => (value ? "On" : "Off"),
  string: String,
  dateTimeFromNow: ago,
  dateTimeAsIso: moment,
  dateTimeAsIsoNoDateIfToday: moment,
  dateTimeAsUS: moment,
  dateTimeAsSystem: moment,
  dateTimeAsLocal: moment,
};

// "1 day, 2 hours": the two largest parts.
function lasting(seconds) {
  const parts = [];
  let left = Math.abs(seconds);
  for (const [size, name] of [
    [31536000, "year"],
    [604800, "week"],
    [86400, "day"],
    [3600, "hour"],
    [60, "minute"],
    [1, "second"],
  ]) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) parts.push(`${count} ${name}${count === 1 ? "" : "s"}`);
  }
  return (seconds < 0 ? "-" : "") + (parts.slice(0, 2).join(", ") || "0 seconds");
}

// So many decimals as make the number tell something, unless it is said how many.
function fixed(value, decimals, isScaled = false) {
  if (decimals !== undefined && decimals !== null) return value.toFixed(decimals);
  if (value === 0 || Number.isInteger(value)) return String(value);
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const wanted = isScaled
    ? 2 - Math.min(2, magnitude)
    : 1 - magnitude + (Math.abs(value) / 10 ** magnitude > 2.25 ? 1 : 0);
  return String(Number(value.toFixed(Math.max(0, Math.min(wanted, 20)))));
}

export function format(value, unit = "none", decimals = undefined) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  if (Object.hasOwn(UNITS, unit)) return UNITS[unit](value, decimals);
  if (unit.startsWith("suffix:")) return `${fixed(value, decimals)}${unit.slice(7)}`;
  if (unit.startsWith("prefix:")) return `${unit.slice(7)}${fixed(value, decimals)}`;
  if (unit.startsWith("time:")) return moment(value);
  return `${fixed(value, decimals)}${unit ? ` ${unit}` : ""}`;
}

export const isMoment = (unit = "") => unit.startsWith("dateTime") || unit.startsWith("time:");

const SECONDS = { ns: 1e-9, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86400 };
const SEXAGESIMAL = [
  60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 7776000, 31536000,
  157680000, 315360000,
];

// The step of an axis of `unit` with room for `count` values between two.
export function step(low, high, count, unit = "none") {
  const least = (high - low) / count || 1;
  const size = SECONDS[unit];
  if (size && least * size > 30) {
    const fitting = SEXAGESIMAL.find((one) => one >= least * size);
    if (fitting) return fitting / size;
  }
  if (/^(bytes|bits|binBps|binbps)$/.test(unit)) return 2 ** Math.ceil(Math.log2(least));
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((one) => one * power >= least * 0.999);
}
