// Grafana's colours by name, so that a board looks here as it will look there.

const HUES = {
  red: ["#FFA6B0", "#FF7383", "#F2495C", "#E02F44", "#C4162A"],
  orange: ["#FFCB7D", "#FFB357", "#FF9830", "#FF780A", "#FA6400"],
  yellow: ["#FFF899", "#FFEE52", "#FADE2A", "#F2CC0C", "#E0B400"],
  green: ["#C8F2C2", "#96D98D", "#73BF69", "#56A64B", "#37872D"],
  blue: ["#C0D8FF", "#8AB8FF", "#5794F2", "#3274D9", "#1F60C4"],
  purple: ["#DEB6F2", "#CA95E5", "#B877D9", "#A352CC", "#8F3BB8"],
};
const SHADES = ["super-light-", "light-", "", "semi-dark-", "dark-"];
const NAMED = { text: "#CCCCDC", transparent: "transparent", "panel-bg": "#181B1F" };
for (const [hue, values] of Object.entries(HUES)) {
  values.forEach((value, index) => (NAMED[SHADES[index] + hue] = value));
}

const PALETTE = [
  "#73BF69",
  "#F2CC0C",
  "#8AB8FF",
  "#FF780A",
  "#F2495C",
  "#5794F2",
  "#B877D9",
  "#705DA0",
  "#37872D",
  "#FADE2A",
  "#447EBC",
  "#C15C17",
  "#890F02",
  "#0A437C",
  "#6D1F62",
  "#584477",
  "#B7DBAB",
  "#F4D598",
  "#70DBED",
  "#F9BA8F",
  "#F29191",
  "#82B5D8",
  "#E5A8E2",
  "#AEA2E0",
  "#629E51",
  "#E5AC0E",
  "#64B0C8",
  "#E0752D",
  "#BF1B00",
  "#0A50A1",
];

const SCALES = {
  "continuous-GrYlRd": ["green", "yellow", "red"],
  "continuous-RdYlGr": ["red", "yellow", "green"],
  "continuous-BlYlRd": ["dark-blue", "super-light-yellow", "dark-red"],
  "continuous-YlRd": ["super-light-yellow", "dark-red"],
  "continuous-BlPu": ["dark-blue", "dark-purple"],
  "continuous-YlBl": ["super-light-yellow", "dark-blue"],
  "continuous-blues": ["panel-bg", "dark-blue"],
  "continuous-reds": ["panel-bg", "dark-red"],
  "continuous-greens": ["panel-bg", "dark-green"],
  "continuous-purples": ["panel-bg", "dark-purple"],
};

export const named = (name) => NAMED[name] ?? name ?? NAMED.text;
export const palette = (index) => PALETTE[index % PALETTE.length];

function channels(color) {
  const hex = /^#([0-9a-f]{6})/i.exec(color)?.[1];
  if (hex) return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const listed = /^rgba?\(([^)]+)\)/.exec(color)?.[1];
  return listed ? listed.split(",").slice(0, 3).map(Number) : [128, 128, 128];
}

export function faded(color, opacity) {
  return color === "transparent" ? color : `rgba(${channels(color).join(",")},${opacity})`;
}

// Black or white, whichever is read more easily on `color`.
export function over(color) {
  if (color === "transparent") return NAMED.text;
  const [red, green, blue] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.04 ? share / 12.9 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.25 ? "#111217" : "#FFFFFF";
}

// The colour at `share`, from 0 to 1, of a continuous scale.
export function between(mode, share) {
  const stops = (SCALES[mode] ?? SCALES["continuous-GrYlRd"]).map((name) => channels(named(name)));
  const at = Math.max(0, Math.min(1, share || 0)) * (stops.length - 1);
  const [low, high] = [stops[Math.floor(at)], stops[Math.ceil(at)]];
  return `rgb(${low.map((value, index) => Math.round(value + (high[index] - value) * (at % 1))).join(",")})`;
}

// Of a heatmap, from few to many: dark is few on a dark page.
export const HEAT = {
  Oranges: ["#3B1E08", "#A63603", "#FD8D3C", "#FEEDDE"],
  Reds: ["#3A0810", "#A50F15", "#FB6A4A", "#FEE5D9"],
  Blues: ["#08182F", "#08519C", "#6BAED6", "#EFF3FF"],
  Greens: ["#05240F", "#006D2C", "#74C476", "#EDF8E9"],
  Viridis: ["#440154", "#31688E", "#35B779", "#FDE725"],
  Cividis: ["#00224E", "#575D6D", "#A59C74", "#FEE838"],
};
