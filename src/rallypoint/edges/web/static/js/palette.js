// Ctrl K: one list of places and verbs. Buttons on the page that carry a key are listed too.
const palette = document.getElementById("palette");
const field = palette?.querySelector("input");
const list = palette?.querySelector("ul");

const verbs = () => {
  for (const old of list.querySelectorAll("[data-verb]")) old.remove();
  const found = [...document.querySelectorAll("main [data-key]")].filter((el) => el.offsetParent && el.textContent.trim());
  for (const el of found.reverse()) {
    const item = document.createElement("li"), link = document.createElement("a"), end = document.createElement("span"), key = document.createElement("span");
    item.dataset.verb = "";
    link.href = "#main";
    link.textContent = (el.getAttribute("aria-label") || el.firstChild?.nodeValue || el.textContent).trim();
    end.className = "end";
    key.className = "kbd";
    key.textContent = el.dataset.key;
    end.append(key);
    link.append(end);
    link.addEventListener("click", (event) => { event.preventDefault(); palette.close(); el.focus(); el.click(); });
    item.append(link);
    list.prepend(item);
  }
};

const shown = () => [...list.children].filter((li) => !li.hidden);
const choose = (li) => { for (const other of list.children) other.classList.toggle("on", other === li); li?.scrollIntoView({ block: "nearest" }); };
const filter = () => {
  const q = field.value.trim().toLowerCase();
  for (const li of list.children) li.hidden = !li.textContent.toLowerCase().includes(q);
  choose(q ? null : shown()[0]);
  if (q && shown().length) choose(shown()[0]);
};

export const open = () => {
  if (!palette || palette.open) return;
  verbs();
  field.value = "";
  palette.showModal();
  field.focus();
  filter();
};

if (palette) {
  addEventListener("click", (event) => {
    if (event.target.closest("[data-palette]")) open();
    if (event.target === palette) palette.close();
  });
  field.addEventListener("input", filter);
  palette.addEventListener("keydown", (event) => {
    const rows = shown(), at = rows.findIndex((li) => li.classList.contains("on"));
    if (event.key === "ArrowDown") { choose(rows[Math.min(at + 1, rows.length - 1)]); event.preventDefault(); }
    if (event.key === "ArrowUp") { choose(rows[Math.max(at - 1, 0)]); event.preventDefault(); }
    if (event.key !== "Enter") return;
    const number = /^(?:inc-)?(\d+)$/i.exec(field.value.trim());
    if (number) { location.href = `/i/${number[1]}`; event.preventDefault(); return; }
    const on = list.querySelector(".on:not([hidden]) a");
    if (on && event.target === field) { event.preventDefault(); on.click(); }
  });
}
