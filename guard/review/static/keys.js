"use strict";
/* The keyboard. Everything works without this file; with it, nothing needs a mouse.
 *
 * data-key="c"       on a link, button or field: that key follows, presses or enters it. "g q" is g and then q.
 * data-label="…"     how the help names it, where its own text does not do.
 * data-row, data-item  on a row: j and k go from row to row. Enter presses what has data-action="enter" in it, else follows
 *                    its link. Another key presses what has that key as its data-action in the row where one is.
 * data-help          on a hidden button: it is shown, and opens the help.
 */
(() => {
  const PAUSE = 1200; // ms that the second key of two may take
  const MOVES = [["j", "Next row"], ["k", "Previous row"]];
  let first = "", timer = 0, help = null;

  const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null
    && !["checkbox", "radio", "button", "submit"].includes(target.type);
  const seen = (element) => element.checkVisibility ? element.checkVisibility() : element.offsetParent !== null;
  const keyed = () => [...document.querySelectorAll("[data-key]")].filter((one) => seen(one) && !one.disabled);
  const rows = () => [...document.querySelectorAll("[data-row], [data-item]")].filter(seen);
  const current = () => rows().find((row) => row.classList.contains("here"));

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
    const target = all[next].hasAttribute("tabindex") ? all[next] : all[next].querySelector("a[href]");
    if (target) target.focus();
    all[next].scrollIntoView({ block: "nearest" });
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

  /* What the rows offer, once each. */
  const inRows = () => rows().flatMap((row) => [...row.querySelectorAll("[data-action]")])
    .map((one) => [one.dataset.action === "enter" ? "Enter" : one.dataset.action, words(one)]);

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
    const lines = [["?", "This help"], ...(rows().length ? MOVES : []), ...inRows(), ...keyed().map((one) => [one.dataset.key, words(one)])];
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
      const row = current();
      if (!row || (event.target !== document.body && event.target !== row)) return; // a link or button opens by itself
      const way = row.querySelector("[data-action='enter']") || row.querySelector("a[href]");
      if (way) { event.preventDefault(); way.click(); }
      return;
    }
    const second = first !== "", both = second ? `${first} ${key}` : key;
    first = "";
    clearTimeout(timer);
    const row = current();
    const inRow = row && [...row.querySelectorAll("[data-action]")].find((one) => one.dataset.action === key);
    if (inRow && !second) { event.preventDefault(); inRow.click(); return; }
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
    const row = event.target.closest("[data-row], [data-item]");
    if (row) rows().forEach((one) => one.classList.toggle("here", one === row));
  });

  for (const button of document.querySelectorAll("[data-help]")) {
    button.hidden = false;
    button.addEventListener("click", openHelp);
  }
})();
