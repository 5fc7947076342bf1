// Dashboard list: the boards that have these tags.

import { anchor, element } from "./dom.js";

export async function draw(body, { options = {} }, { boards, href, board }) {
  const { tags = [], maxItems = 30, includeVars = true, keepTime = true } = options;
  const found = boards.filter((one) => tags.every((tag) => one.tags?.includes(tag)) && one.uid !== board.uid);
  const items = found
    .slice(0, maxItems)
    .map(({ uid, title }) => element("li", {}, anchor(href(uid, { includeVars, keepTime }), title)));
  body.replaceChildren(element("ul", { class: "boards" }, items));
  return { empty: found.length ? undefined : "No dashboards" };
}
