// Links of values, of panels and between boards.

import { anchor, element, popUp } from "./dom.js";
import { fill, pointScope } from "./template.js";

// The {title, url, target} of a value's links; `point` is {field, value, text, time, row, fields}.
export function resolved(links = [], scope, point) {
  const inside = point ? { ...scope, ...pointScope(point.field, point, point.row, point.fields) } : scope;
  return links
    .filter(({ url }) => url)
    .map(({ title, url, targetBlank }) => ({
      title: fill(title, inside) || "Link",
      url: fill(url, inside),
      target: targetBlank ? "_blank" : undefined,
    }));
}

const list = (links) =>
  element(
    "ul",
    { class: "links" },
    links.map(({ title, url, target }) => element("li", {}, anchor(url, title, { target }))),
  );

export function menu(event, title, links) {
  event.preventDefault();
  popUp(event.clientX, event.clientY, [element("b", {}, title), list(links)]);
}

// `content` as a link; several are offered by a click.
export function linked(content, links, properties = {}) {
  if (!links.length) return element("span", properties, content);
  const [{ title, url, target }] = links;
  const made = anchor(url, content, { target, title, ...properties });
  if (links.length > 1) made.addEventListener("click", (event) => menu(event, "Links", links));
  return made;
}
