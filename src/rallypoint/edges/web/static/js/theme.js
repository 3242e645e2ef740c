// The theme without a round trip. The server reads the same cookie, so the next page is painted right at once.
addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-set]");
  if (!button) return;
  event.preventDefault();
  const value = button.dataset.themeSet;
  if (value) document.documentElement.dataset.theme = value;
  else delete document.documentElement.dataset.theme;
  document.cookie = `rallypoint_theme=${value}; path=/; max-age=31536000; samesite=lax`;
  for (const other of document.querySelectorAll("[data-theme-set]")) other.setAttribute("aria-pressed", String(other === button));
});

// The viewer's zone, told once, for people who have not chosen one.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.includes("rallypoint_zone=")) document.cookie = `rallypoint_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
