// Points in time and lengths of it, as Grafana writes them. All clocks show UTC.

const UNITS = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, M: 2592e6, y: 31536e6 };

// Milliseconds of "15m"; NaN for what is none.
export function duration(text) {
  const match = /^>?(\d+(?:\.\d+)?)(ms|[smhdwMy])$/.exec(String(text).trim());
  return match ? Number(match[1]) * UNITS[match[2]] : NaN;
}

// "90s", in the units that PromQL has.
export function written(milliseconds) {
  return milliseconds % 1000 ? `${Math.round(milliseconds)}ms` : `${milliseconds / 1000}s`;
}

// Unix milliseconds of "now-6h", "now-1d/d", "1790000000000" or an ISO date; NaN for what is none.
export function moment(text, now = Date.now(), isEnd = false) {
  const match = /^now(?:([+-])(\d+[smhdwMy]))?(?:\/([smhdwMy]))?$/.exec(text);
  if (match) {
    const shifted = match[2] ? now + (match[1] === "-" ? -1 : 1) * duration(match[2]) : now;
    if (!match[3]) return shifted;
    const unit = UNITS[match[3]];
    return Math.floor(shifted / unit) * unit + (isEnd ? unit - 1 : 0);
  }
  return /^\d+$/.test(text) ? Number(text) : Date.parse(text);
}

export const isRelative = (text) => String(text).startsWith("now");

const two = (number) => String(number).padStart(2, "0");

export function clock(milliseconds, withDate = true, withSeconds = true) {
  const at = new Date(milliseconds);
  const date = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  const seconds = withSeconds ? `:${two(at.getUTCSeconds())}` : "";
  return `${withDate ? `${date} ` : ""}${two(at.getUTCHours())}:${two(at.getUTCMinutes())}${seconds}`;
}

export const QUICK = ["15m", "1h", "3h", "6h", "12h", "24h", "2d", "7d"];

// Steps that a person would draw on an axis of time.
const STEPS = [1e3, 5e3, 15e3, 3e4, 6e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5];

// [{at, label}, …] for an axis with room for `count` labels.
export function ticks({ from, to }, count) {
  const step = STEPS.find((one) => (to - from) / one <= count) ?? STEPS.at(-1) * 4;
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    const day = clock(at).slice(5, 10);
    const label = step >= 864e5 || at % 864e5 === 0 ? day : clock(at, false, step < 6e4);
    found.push({ at, label });
  }
  return found;
}
