// Elements of HTML and SVG. What is given as a child is text, whatever it says: no markup of others ever counts.

const SVG = "http://www.w3.org/2000/svg";

// How much larger than on a laptop all is, as the style sheet says: drawings are made of pixels.
export const scale = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 14;

function fill(made, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "style") for (const [key, to] of Object.entries(value)) made.style.setProperty(key, to);
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "checked" || name === "value") made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

export const element = (name, properties = {}, ...children) => fill(document.createElement(name), properties, children);

export const svg = (name, properties = {}, ...children) =>
  fill(document.createElementNS(SVG, name), properties, children);

const WEB = new Set(["http:", "https:", "mailto:"]);

// A link, or its label alone where the address is none that a browser should follow.
export function anchor(url, label, properties = {}) {
  let protocol = "";
  try {
    ({ protocol } = new URL(url, location.href));
  } catch {
    // no address at all
  }
  if (!WEB.has(protocol)) return element("span", {}, label);
  const beside = properties.target === "_blank" ? { rel: "noopener noreferrer" } : {};
  return element("a", { href: url, ...properties, ...beside }, label);
}

// What opens at a place of the window and closes with the next click or Escape.
export function popUp(x, y, content) {
  document.querySelector("#popup")?.remove();
  const box = element("div", { id: "popup", role: "dialog" }, content);
  document.body.append(box);
  box.style.left = `${Math.max(4, Math.min(x, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${Math.max(4, Math.min(y, innerHeight - box.offsetHeight - 8))}px`;
  const close = (event) => {
    if (event.type === "keydown" ? event.key !== "Escape" : box.contains(event.target)) return;
    box.remove();
    for (const kind of ["pointerdown", "keydown"]) removeEventListener(kind, close, true);
  };
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, close, true);
}
