"use strict";
/* The keyboard. Everything works without this file; with it, nothing needs a mouse.
 *
 * data-key="c"       on a link, button or field: that key follows, presses or enters it. "g q" is g and then q.
 * data-label="…"     how the help names it, where its own text does not do.
 * data-row           on a row with a link: j and k go from row to row, Enter opens it.
 * data-heartbeat="20" on a form: it is sent in the background every 20 seconds while the page is looked at. Where it is
 *                    refused (409 or the sign-in is over) the element that data-lost names (an id) is shown, and it stops.
 * data-help          on a hidden button: it is shown, and opens the help.
 */
(() => {
  const PAUSE = 1200; // ms that the second key of two may take
  const MOVES = [["j", "Next row"], ["k", "Previous row"], ["Enter", "Open the row"]];
  let first = "", timer = 0, help = null;

  const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null
    && !["checkbox", "radio", "button", "submit"].includes(target.type);
  const seen = (element) => element.checkVisibility ? element.checkVisibility() : element.offsetParent !== null;
  const keyed = () => [...document.querySelectorAll("[data-key]")].filter((one) => seen(one) && !one.disabled);
  const rows = () => [...document.querySelectorAll("[data-row]")].filter(seen);

  function use(element) {
    if (element.matches("input, textarea, select") && !["checkbox", "radio", "submit"].includes(element.type)) element.focus();
    else { element.focus(); element.click(); }
  }

  function move(step) {
    const all = rows();
    if (!all.length) return false;
    const at = all.findIndex((row) => row.classList.contains("here") || row.contains(document.activeElement));
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step));
    all.forEach((row, index) => row.classList.toggle("here", index === next));
    const link = all[next].querySelector("a[href]");
    if (link) link.focus(); else all[next].scrollIntoView({ block: "nearest" });
    return true;
  }

  function words(element) {
    if (element.dataset.label) return element.dataset.label;
    if (element.getAttribute("aria-label")) return element.getAttribute("aria-label");
    const label = element.labels && element.labels[0];
    const copy = (label || element).cloneNode(true);
    copy.querySelectorAll("kbd, .sr").forEach((part) => part.remove());
    return copy.textContent.trim().replace(/\s+/g, " ") || element.value || "";
  }

  function keysOf(text) {
    const group = document.createElement("span");
    text.split(" ").forEach((part, index) => {
      if (index) group.append(" then ");
      const key = document.createElement("kbd");
      key.textContent = part;
      group.append(key);
    });
    return group;
  }

  function openHelp() {
    if (help) help.remove();
    help = document.createElement("dialog");
    help.setAttribute("aria-labelledby", "help-title");
    const title = document.createElement("h2");
    title.id = "help-title";
    title.textContent = "Keys on this page";
    const list = document.createElement("dl");
    const lines = [["?", "This help"], ...(rows().length ? MOVES : []), ...keyed().map((one) => [one.dataset.key, words(one)])];
    const told = new Set();
    for (const [key, label] of lines) {
      if (told.has(key)) continue;
      told.add(key);
      const term = document.createElement("dt"), meaning = document.createElement("dd");
      term.append(keysOf(key));
      meaning.textContent = label;
      list.append(term, meaning);
    }
    const close = document.createElement("button");
    close.className = "button";
    close.type = "button";
    close.textContent = "Close";
    close.addEventListener("click", () => help.close());
    help.append(title, list, close);
    document.body.append(help);
    help.showModal();
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (help && help.open) return;
    const key = event.key;
    if (key === "?") { event.preventDefault(); openHelp(); return; }
    if (key === "Enter") {
      const row = rows().find((one) => one.classList.contains("here"));
      const link = row && row.querySelector("a[href]");
      if (link && (event.target === document.body || event.target === row)) { event.preventDefault(); link.click(); }
      return;
    }
    const both = first ? `${first} ${key}` : key;
    first = "";
    clearTimeout(timer);
    const all = keyed();
    const found = all.find((one) => one.dataset.key === both) || all.find((one) => one.dataset.key === key);
    if (found) { event.preventDefault(); use(found); return; }
    if (all.some((one) => one.dataset.key.startsWith(`${key} `))) {
      first = key;
      timer = setTimeout(() => { first = ""; }, PAUSE);
      event.preventDefault();
      return;
    }
    if ((key === "j" || key === "k") && move(key === "j" ? 1 : -1)) event.preventDefault();
  });

  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (row) rows().forEach((one) => one.classList.toggle("here", one === row));
  });

  for (const form of document.querySelectorAll("form[data-heartbeat]")) {
    const every = Math.max(5, Number(form.dataset.heartbeat) || 30) * 1000;
    const beat = async () => {
      if (document.visibilityState === "hidden") return;
      try {
        const answer = await fetch(form.action, {
          method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual", credentials: "same-origin",
        });
        if (answer.status !== 409 && answer.status !== 401 && answer.status !== 404) return;
      } catch { return; } // the next one may get through
      clearInterval(beating);
      const lost = document.getElementById(form.dataset.lost || "");
      if (lost) { lost.hidden = false; lost.setAttribute("role", "alert"); }
    };
    const beating = setInterval(beat, every);
    document.addEventListener("visibilitychange", beat);
  }

  for (const button of document.querySelectorAll("[data-help]")) {
    button.hidden = false;
    button.addEventListener("click", openHelp);
  }
})();
