"use strict";

// Keeps the lease of the open case, and shows what was said in its place instead of on a page of its own. Without this script
// everything still works: a lease lasts ten minutes from the last action, and text has its own page.

const BEAT_MILLISECONDS = 60000;

function post(form, more) {
  const fields = new URLSearchParams(new FormData(form));
  for (const [name, value] of Object.entries(more || {})) fields.set(name, value);
  return fetch(form.action, { method: "POST", body: fields, redirect: "error", cache: "no-store" });
}

const beating = document.querySelector("form[data-heartbeat]");
if (beating) {
  const lost = document.querySelector("[data-lost]");
  const timer = setInterval(async () => {
    let answer;
    try {
      answer = await post(beating);
    } catch {
      return; // the network may be back at the next beat
    }
    if (answer.status === 204 || answer.status >= 500) return;
    clearInterval(timer);
    lost.textContent = answer.status === 409 ? await answer.text() : "You are signed out. Sign in again to go on.";
    lost.hidden = false;
  }, BEAT_MILLISECONDS);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-reveal]")) return;
  event.preventDefault();
  let answer;
  try {
    answer = await post(form, { part: "1" });
  } catch {
    form.submit();
    return;
  }
  if (!answer.ok) {
    form.submit();
    return;
  }
  const said = document.createElement("div");
  said.innerHTML = await answer.text(); // made by the server, which escapes what was said
  said.tabIndex = -1;
  const row = form.closest("tr");
  if (row) {
    const below = document.createElement("tr");
    const cell = below.insertCell();
    cell.colSpan = row.cells.length;
    cell.append(said);
    row.after(below);
    form.replaceWith("shown below");
  } else {
    form.replaceWith(said);
  }
  said.focus();
});
