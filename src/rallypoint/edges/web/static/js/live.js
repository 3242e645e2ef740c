// Live: when the server says that something changed, fetch this page once and replace the parts marked data-live.
// A part in which somebody types or has opened something is left alone until they are done.
const topic = document.body.dataset.liveOn;
const state = document.querySelector("[data-live-state]");
let wanted = false, busy = false, since = performance.now();

const inUse = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select") ||
  [...part.querySelectorAll("textarea, input[type=text]")].some((el) => el.value !== el.defaultValue) || part.querySelector("input[type=checkbox]:checked[data-pick]");

export const refresh = async () => {
  wanted = true;
  if (busy) return;
  busy = true;
  while (wanted) {
    wanted = false;
    const answer = await fetch(location.href, { headers: { "x-live": "1" } }).catch(() => null);
    if (!answer?.ok) break;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const next = fresh.getElementById(part.id);
      if (!next || inUse(part) || next.outerHTML === part.asSent) continue;
      const sent = next.outerHTML, open = [...part.querySelectorAll("details")].map((d) => d.open);
      const replacement = document.adoptNode(next);
      replacement.asSent = sent;
      [...replacement.querySelectorAll("details")].forEach((d, i) => { d.open = open[i] ?? d.open; });
      part.replaceWith(replacement);
      window.htmx?.process(replacement);
    }
    since = performance.now();
    document.dispatchEvent(new Event("refreshed"));
  }
  busy = false;
};

if (topic) {
  let source = null, late = 0;
  const listen = () => {
    source = new EventSource(`/live?on=${encodeURIComponent(topic)}`);
    let down = false;
    source.addEventListener("changed", () => { clearTimeout(late); late = setTimeout(refresh, 150); });
    source.addEventListener("open", () => { if (down) refresh(); down = false; });
    source.addEventListener("error", () => { down = true; });
  };
  // A page that nobody looks at lets go of its line: browsers have only six for a host.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { source?.close(); source = null; } else if (!source) { listen(); refresh(); }
  });
  addEventListener("pagehide", () => source?.close());
  listen();
  setInterval(() => {
    if (!state) return;
    const s = Math.round((performance.now() - since) / 1000);
    state.textContent = source?.readyState === EventSource.OPEN ? `Live · read ${s < 60 ? `${s} s` : `${Math.floor(s / 60)} min`} ago` : "Not live: trying to reach the server";
  }, 1000);
}
