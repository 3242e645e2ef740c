// Clocks that run. The server says how many seconds; this machine's wall clock is never asked.
const two = (n) => String(n).padStart(2, "0");
const show = (s) => {
  const a = Math.abs(s), h = Math.floor(a / 3600), m = Math.floor((a % 3600) / 60);
  return (s < 0 ? "−" : "") + (h ? `${h}:${two(m)}` : m) + ":" + two(a % 60);
};

const tick = () => {
  const now = performance.now();
  for (const el of document.querySelectorAll("[data-clock]")) {
    el.startedAt ??= now;
    const past = Math.floor((now - el.startedAt) / 1000);
    const text = show(+el.dataset.seconds + (el.dataset.clock === "down" ? -past : past));
    if (el.textContent !== text) el.textContent = text;
  }
};
setInterval(tick, 1000);
tick();
