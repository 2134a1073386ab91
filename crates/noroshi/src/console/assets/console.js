// What changes while a page is open. Every page is complete without this.
"use strict";

const ROWS_MAX = 200;

function part(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// A question that somebody has opened, or a field that has the focus, is not taken from under the hand.
function busy(place) {
  return place.querySelector("details[open]") !== null || place.contains(document.activeElement);
}

function live() {
  const cluster = document.querySelector("[data-live=cluster]");
  const alerts = document.querySelector("[data-live=alerts]");
  if (!cluster && !alerts) return;
  const news = new EventSource(alerts?.dataset.stream ?? "/live");
  news.addEventListener("cluster", (event) => {
    if (cluster && !busy(cluster)) cluster.replaceChildren(part(event.data));
  });
  news.addEventListener("alert", (event) => {
    if (!alerts) return;
    if (alerts.querySelector(`[data-row="${CSS.escape(event.lastEventId)}"]`)) return;
    alerts.prepend(part(event.data));
    alerts.firstElementChild?.classList.add("new");
    while (alerts.children.length > ROWS_MAX) alerts.lastElementChild.remove();
    document.getElementById("none")?.remove();
  });
  news.addEventListener("change", (event) => {
    const row = part(event.data).firstElementChild;
    const old = row && alerts?.querySelector(`[data-row="${CSS.escape(row.dataset.row)}"]`);
    if (old && !busy(old)) old.replaceWith(row);
  });
  news.addEventListener("reload", () => location.reload());
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
filter();
files();
live();
gathering();
