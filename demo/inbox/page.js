// Keeps the page as the server would draw it now: changed cards are replaced, the others stay as they are.
"use strict";

const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];

function ago(seconds) {
  if (seconds < 5) return "just now";
  const [, size, unit] = STEPS.find(([end]) => seconds < end);
  return `${Math.floor(seconds / size)} ${unit} ago`;
}

function tick() {
  for (const time of document.querySelectorAll("time")) {
    time.textContent = ago(Math.max(0, (Date.now() - Date.parse(time.dateTime)) / 1000));
  }
}

function fit(frame) {
  const page = frame.contentDocument;
  frame.style.height = 0;
  if (page && page.documentElement) frame.style.height = `${Math.min(page.documentElement.scrollHeight + 2, 4000)}px`;
}

function fitAll(root) {
  for (const frame of root.querySelectorAll("iframe")) {
    frame.addEventListener("load", () => fit(frame));
    fit(frame);
  }
}

function arrange(list, wanted) {
  let next = list.firstElementChild;
  for (const fresh of wanted) {
    const old = fresh.id && document.getElementById(fresh.id);
    const same = old && old.dataset.changed === fresh.dataset.changed;
    if (old && old === next) next = next.nextElementSibling;
    const card = same ? old : document.importNode(fresh, true);
    if (!same) {
      if (old) old.remove();
      card.classList.add("new");
    }
    // Moving a card would reload its frames, so one that stands right already is not touched.
    if (card.nextElementSibling !== next || card.parentElement !== list) list.insertBefore(card, next);
    if (!same) fitAll(card);
  }
  while (next) {
    const gone = next;
    next = next.nextElementSibling;
    gone.remove();
  }
}

async function refresh() {
  const answer = await fetch(location.href);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["count", "filters", "refused"]) {
    const [here, there] = [document.getElementById(id), fresh.getElementById(id)];
    const open = here.querySelector("details")?.open;
    if (here.innerHTML !== there.innerHTML) here.replaceChildren(...there.childNodes);
    if (open) here.querySelector("details")?.setAttribute("open", "");
  }
  arrange(document.getElementById("messages"), [...fresh.getElementById("messages").children]);
  tick();
}

let running = false;
let again = false;

async function changed() {
  again = true;
  if (running) return;
  running = true;
  try {
    while (again) {
      again = false;
      await refresh();
    }
  } catch {
    // The inbox is away; the stream connects anew and says so.
  } finally {
    running = false;
  }
}

fitAll(document);
setInterval(tick, 5000);
new EventSource("/api/stream").onmessage = changed;
