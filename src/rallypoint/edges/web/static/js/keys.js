// Keys: an element that carries data-key is pressed by it; j, k and x walk and pick rows of [data-rows].
import { open } from "./palette.js";

const typing = (el) => el.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
const places = () => Object.fromEntries([...document.querySelectorAll("#palette li:not([data-verb]) a")].map((a) => [[...a.querySelectorAll(".kbd")].map((k) => k.textContent).join(" "), a.href]).filter(([keys]) => keys));
let first = "";

const rows = () => [...document.querySelectorAll("[data-rows] > tr, [data-rows] > li")];
const here = () => document.querySelector("[data-rows] > .is-here");
const walk = (step) => {
  const all = rows(), at = all.indexOf(here()), next = all[Math.max(0, Math.min(all.length - 1, at + step))];
  if (!next) return;
  here()?.classList.remove("is-here");
  next.classList.add("is-here");
  next.querySelector("a")?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
};
const press = (key) => {
  const inRow = here()?.querySelector(`[data-key="${key}"]`);
  const el = inRow ?? [...document.querySelectorAll(`[data-key="${key}"]`)].find((found) => found.offsetParent);
  if (!el) return false;
  el.focus();
  if (!el.matches("textarea")) el.click();
  return true;
};

// A sheet that a button opened closes by Escape, or by a press elsewhere, and gives the focus back.
const close = (pop) => {
  const within = pop.contains(document.activeElement);
  pop.open = false;
  if (within) pop.querySelector("summary").focus();
};
const sheets = () => [...document.querySelectorAll("details.pop[open], .nav-menu details[open]")];
addEventListener("click", (event) => { for (const pop of sheets()) if (!pop.contains(event.target)) pop.open = false; });
addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.pop") && event.target.open && event.target.querySelector("summary") === document.activeElement) event.target.querySelector(".pop-body :is(input:not([type=hidden]), select, textarea)")?.focus({ preventScroll: true });
}, true);

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    const innermost = sheets().filter((pop) => pop.contains(document.activeElement)).at(-1) ?? sheets().at(-1);
    if (innermost) { close(innermost); return; }
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
  const key = event.key, both = `${first} ${key}`;
  first = "";
  const to = places();
  if (to[both]) { location.href = to[both]; return; }
  if (key === "g") { first = "g"; setTimeout(() => { first = ""; }, 1200); return; }
  if (key === "/") { event.preventDefault(); open(); return; }
  if (key === "j" || key === "k") { walk(key === "j" ? 1 : -1); return; }
  if (key === "x" && here()) { here().querySelector("input[type=checkbox]")?.click(); return; }
  if (press(key)) { event.preventDefault(); return; }
  if (to[key]) location.href = to[key];
});
