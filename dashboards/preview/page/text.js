// Text: the few marks of Markdown that a board uses. HTML is shown as the text that it is.

import { anchor, element } from "./dom.js";
import { fill } from "./template.js";

const INLINE = /(\*\*|__)(.+?)\1|`([^`]+)`|\[([^\]]+)\]\(([^)\s]+)\)|(\*|_)([^*_]+?)\6(?!\w)/;

export function inline(text) {
  const match = INLINE.exec(text);
  if (!match) return text ? [text] : [];
  const [whole, , strong, code, label, url, , soft] = match;
  let made;
  if (strong) made = element("strong", {}, inline(strong));
  else if (code) made = element("code", {}, code);
  else if (label) made = anchor(url, label);
  else made = element("em", {}, inline(soft));
  return [...inline(text.slice(0, match.index)), made, ...inline(text.slice(match.index + whole.length))];
}

const cells = (line) =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((one) => one.trim());

function table([head, , ...rows]) {
  const row = (name, line) =>
    element(
      "tr",
      {},
      cells(line).map((text) => element(name, {}, inline(text))),
    );
  return element(
    "table",
    {},
    element("thead", {}, row("th", head)),
    element(
      "tbody",
      {},
      rows.map((line) => row("td", line)),
    ),
  );
}

function block(text) {
  const lines = text.split("\n");
  if (lines.length > 1 && /^\s*\|?[\s:|-]+\|?\s*$/.test(lines[1]) && lines[1].includes("-") && lines[0].includes("|"))
    return [table(lines)];
  const made = [];
  for (const line of lines) {
    const [, marks, title] = /^(#{1,6})\s+(.*)$/.exec(line) ?? [];
    const [, number, item] = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/.exec(line) ?? [];
    const name = number ? "ol" : "ul";
    const last = made.at(-1);
    if (title) made.push(element(`h${Math.min(6, marks.length + 2)}`, {}, inline(title)));
    else if (item !== undefined) {
      if (last?.localName !== name) made.push(element(name));
      made.at(-1).append(element("li", {}, inline(item)));
    } else if (last && /^(ul|ol)$/.test(last.localName) && line.trim())
      last.lastElementChild.append(" ", ...inline(line.trim()));
    else if (last?.localName === "p") last.append(" ", ...inline(line));
    else if (line.trim()) made.push(element("p", {}, inline(line)));
  }
  return made;
}

export const markdown = (text) => text.split(/\n\s*\n/).flatMap(block);

export function draw(body, { options = {} }, { scope }) {
  const text = fill(options.content ?? "", scope);
  const content = options.mode === "code" || options.mode === "html" ? [element("pre", {}, text)] : markdown(text);
  body.replaceChildren(element("div", { class: "prose" }, content));
  return {};
}
