// A board's rows: a title that opens and closes over a grid of panels.

import { element } from "./dom.js";
import { Panel } from "./panel.js";
import { fill } from "./template.js";

class Section {
  constructor(page, row, panels, isOpen) {
    this.isOpen = isOpen;
    this.page = page;
    this.row = row;
    const top = Math.min(...panels.map(({ gridPos }) => gridPos?.y ?? 0));
    this.panels = panels.map((json) => new Panel(json, page));
    this.grid = element("div", { class: "grid", hidden: !isOpen });
    this.panels.forEach((panel) => {
      panel.node.style.setProperty("grid-row", `${(panel.json.gridPos?.y ?? 0) - top + 1} / span ${panel.height}`);
      this.grid.append(panel.node);
    });
    this.head = row && element("button", { class: "row", type: "button", onclick: () => this.turn() });
    this.node = element("section", {}, this.head && element("h2", {}, this.head), this.grid);
  }

  turn() {
    this.isOpen = !this.isOpen;
    this.grid.hidden = !this.isOpen;
    this.refresh();
  }

  async refresh() {
    if (this.head) {
      this.head.setAttribute("aria-expanded", String(this.isOpen));
      this.head.textContent = fill(this.row.title ?? "", this.page.scope);
    }
    if (this.isOpen) await Promise.all(this.panels.map((panel) => panel.refresh()));
  }

  redraw() {
    if (this.isOpen) this.panels.forEach((panel) => panel.redraw());
  }
}

// A closed row holds its panels itself; those of an open one follow it.
export function sections(page, opensAll) {
  const place = ({ gridPos = {} }) => [gridPos.y ?? 0, gridPos.x ?? 0];
  const sorted = page.board.panels.toSorted((a, b) => place(a)[0] - place(b)[0] || place(a)[1] - place(b)[1]);
  const found = [];
  let current = { row: undefined, panels: [], isOpen: true };
  for (const panel of sorted) {
    if (panel.type !== "row") {
      current.panels.push(panel);
      continue;
    }
    found.push(current);
    current = { row: panel, panels: [...(panel.panels ?? [])], isOpen: !panel.collapsed || opensAll };
  }
  found.push(current);
  return found
    .filter(({ row, panels }) => row || panels.length)
    .map(({ row, panels, isOpen }) => new Section(page, row, panels, isOpen));
}
