// Copy: a block by its id, or what an address answers with (an incident as Markdown).
const say = (el, words) => {
  const before = el.textContent;
  el.textContent = words;
  el.setAttribute("aria-live", "polite");
  setTimeout(() => { el.textContent = before; }, 2000);
};

addEventListener("click", async (event) => {
  const block = event.target.closest("[data-copy]");
  if (block) {
    await navigator.clipboard.writeText(document.getElementById(block.dataset.copy).textContent);
    say(block, "Copied");
    return;
  }
  const link = event.target.closest("[data-copy-from]");
  if (!link || !navigator.clipboard) return;
  event.preventDefault();
  const answer = await fetch(link.href);
  if (answer.ok) { await navigator.clipboard.writeText(await answer.text()); say(link, "Copied"); } else location.href = link.href;
});
