// Live: when the server says that something changed, fetch this page once and replace the parts marked data-live.
// A part in which somebody types or has opened something is left alone until they are done.
const topic = document.body.dataset.liveOn;
const state = document.querySelector("[data-live-state]");
let wanted = false, busy = false, since = performance.now();
// When the page was begun, in the server's words: what changed before the line was open is told as soon as it is.
let moment = document.body.dataset.liveSince ?? "";

const inUse = (part) => part.querySelector("details.pop[open] form, [aria-invalid=true]") || part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select") ||
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
    moment = fresh.body.dataset.liveSince ?? moment;
    since = performance.now();
    document.dispatchEvent(new Event("refreshed"));
  }
  busy = false;
};

// An old page that looks new misleads: after a few seconds without a line to the server it says so, at its top.
const BEFORE_SAID_MS = 4000;
const stale = (is) => {
  document.getElementById("stale")?.remove();
  if (!is) return;
  const note = document.createElement("p");
  note.id = "stale";
  note.className = "note note-warn";
  note.setAttribute("role", "status");
  note.textContent = "Not live: the server cannot be reached. What you see may be old; this page goes on by itself.";
  document.getElementById("main").prepend(note);
};

if (topic) {
  let source = null, late = 0, silent = 0, down = false;
  const listen = () => {
    const line = source = new EventSource(`/live?on=${encodeURIComponent(topic)}&since=${encodeURIComponent(moment)}`);
    line.addEventListener("changed", () => { clearTimeout(late); late = setTimeout(refresh, 150); });
    line.addEventListener("open", () => {
      clearTimeout(silent);
      silent = 0;
      stale(false);
      if (down) refresh();
      down = false;
    });
    line.addEventListener("error", () => {
      down = true;
      silent ||= setTimeout(() => stale(true), BEFORE_SAID_MS);
      // Refused rather than lost: the browser does not try again by itself.
      if (line.readyState === EventSource.CLOSED) setTimeout(() => { if (source === line) listen(); }, BEFORE_SAID_MS);
    });
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
