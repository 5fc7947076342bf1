// What stands beside the pointer.

import { element } from "./dom.js";

const box = element("div", { id: "tip", role: "tooltip", hidden: true });

export function tip({ clientX, clientY }, content) {
  if (!box.isConnected) document.body.append(box);
  box.replaceChildren(...content);
  box.hidden = false;
  const left = clientX + 16 + box.offsetWidth > innerWidth ? clientX - 16 - box.offsetWidth : clientX + 16;
  box.style.left = `${Math.max(4, left)}px`;
  box.style.top = `${Math.max(4, Math.min(clientY + 12, innerHeight - box.offsetHeight - 8))}px`;
}

export function hideTip() {
  box.hidden = true;
}
