// What changes while a page is open. Every page is complete without this.
"use strict";

const ROWS_MAX = 200;
const AGAIN_MS = 2000;

function part(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// A row in which something has the focus is not taken from under the hand.
function busy(place) {
  return place.contains(document.activeElement);
}

// What is worked in the cluster's picture, by what it does: its question's form, or its link.
function deed(one) {
  const form = one.closest("details")?.querySelector("form");
  return form ? `${form.action} ${form.elements.server?.value} ${one.localName}` : one.href;
}

// The picture is always the newest: a server may fall while somebody reads a question. A question that is
// open stays so, and what had the focus has it again, as long as they are there at all.
function renew(place, state) {
  const open = new Set([...place.querySelectorAll("details[open]")].map(deed));
  const focused = place.contains(document.activeElement) ? deed(document.activeElement) : null;
  place.replaceChildren(state);
  for (const one of place.querySelectorAll("details")) one.open = open.has(deed(one));
  if (!focused) return;
  const all = [...place.querySelectorAll("a[href], summary, button")];
  all.find((one) => deed(one) === focused)?.focus({ preventScroll: true });
}

// The stream of a page that can be seen. A page that is left or hidden lets go of it: a browser has few
// connections to one server, and pages that nobody looks at must not use them up.
function live() {
  const cluster = document.querySelector("[data-live=cluster]");
  const alerts = document.querySelector("[data-live=alerts]");
  const lost = document.getElementById("lost");
  if (!cluster && !alerts) return;
  const words = lost.textContent;
  let news = null;
  let last = null;
  let shown = cluster?.innerHTML;

  function listen(name, take) {
    news.addEventListener(name, (event) => {
      lost.hidden = true;
      take(event);
    });
  }
  function open() {
    if (news || document.hidden) return;
    const from = new URL(alerts?.dataset.stream ?? "/live", location.href);
    if (last) from.searchParams.set("after", last);
    news = new EventSource(from);
    news.onopen = () => { lost.hidden = true; };
    news.onerror = () => {
      lost.textContent = words;
      lost.hidden = false;
      if (news?.readyState === EventSource.CLOSED) again();
    };
    listen("cluster", (event) => {
      const state = part(event.data);
      const now = inner(state);
      if (cluster && now !== shown) renew(cluster, state);
      shown = now;
    });
    listen("alert", (event) => {
      if (!alerts) return;
      last = event.lastEventId;
      if (alerts.querySelector(`[data-row="${CSS.escape(last)}"]`)) return;
      alerts.prepend(part(event.data));
      alerts.firstElementChild?.classList.add("new");
      while (alerts.children.length > ROWS_MAX) alerts.lastElementChild.remove();
      document.getElementById("none")?.remove();
    });
    listen("change", (event) => {
      const row = part(event.data).firstElementChild;
      const old = row && alerts?.querySelector(`[data-row="${CSS.escape(row.dataset.row)}"]`);
      if (old && !busy(old)) old.replaceWith(row);
    });
    news.addEventListener("silent", (event) => {
      lost.replaceChildren(part(event.data));
      lost.hidden = false;
    });
    news.addEventListener("reload", () => location.reload());
  }
  function close() {
    news?.close();
    news = null;
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

// The server answered with something else than a stream, as after the end of a session: the page is loaded
// anew, but only when there is somebody to load it from.
async function again() {
  await new Promise((done) => setTimeout(done, AGAIN_MS));
  try {
    await fetch("/sign-in", { cache: "no-store" });
    location.reload();
  } catch {
    again();
  }
}

function inner(content) {
  const place = document.createElement("div");
  place.append(content.cloneNode(true));
  return place.innerHTML;
}

// How far the collection of all logs is; at its end the page has the download.
function gathering() {
  const place = document.querySelector("[data-live=logs]");
  if (!place) return;
  const news = new EventSource("/logs/progress");
  news.addEventListener("logs", (event) => place.replaceChildren(part(event.data)));
  news.addEventListener("reload", () => {
    news.close();
    location.reload();
  });
}

// A code in the link's fragment never reaches a server's log.
function code() {
  const field = document.querySelector("[data-from-fragment]");
  if (field && location.hash.length > 1) {
    field.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
  }
}

// A chosen licence file is read into the field whose text is sent.
function files() {
  for (const input of document.querySelectorAll("input[type=file][data-into]")) {
    const field = document.getElementById(input.dataset.into);
    input.closest("label").hidden = false;
    input.addEventListener("change", async () => {
      const file = input.files[0];
      if (file && file.size <= 65536) field.value = await file.text();
    });
  }
}

// A search over rows that are all here: what does not fit is hidden while somebody types.
function filter() {
  const field = document.querySelector("[data-filter]");
  const rows = field && document.querySelector(`[data-filtered="${field.dataset.filter}"]`);
  if (!rows || field.value) return;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows.children) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
}

code();
// The link opened where the page is open already loads nothing.
addEventListener("hashchange", code);
filter();
files();
live();
gathering();
