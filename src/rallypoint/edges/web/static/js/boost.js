// Forms marked data-boost are sent by htmx and swap the page's main part, so the place on the page is kept.
const boost = (root) => {
  for (const form of root.querySelectorAll("form[data-boost]:not([hx-boost])")) {
    form.setAttribute("hx-boost", "true");
    form.setAttribute("hx-select", "#main");
    form.setAttribute("hx-target", "#main");
    form.setAttribute("hx-swap", "outerHTML show:none");
    window.htmx?.process(form);
  }
};

// A refusal that comes without the form, or no answer at all, would lose what was typed: say it in the form instead.
const formOf = (event) => (event.detail.requestConfig?.elt ?? event.target).closest?.("form[data-boost]");
const beside = (form, words) => {
  form.querySelector(".not-sent")?.remove();
  const note = document.createElement("p");
  note.className = "note note-bad not-sent";
  note.setAttribute("role", "alert");
  note.textContent = words;
  form.prepend(note);
};

boost(document);
document.addEventListener("htmx:beforeSwap", (event) => {
  const form = formOf(event), { status, responseText } = event.detail.xhr;
  if (!form || status < 400) return;
  const page = new DOMParser().parseFromString(responseText, "text/html");
  if ([...page.forms].some((other) => other.getAttribute("action") === form.getAttribute("action"))) return;
  event.detail.shouldSwap = false;
  const said = [...page.querySelectorAll("main .empty :is(h1, p)")].map((el) => el.textContent.replace(/[^.?!]$/, "$&."));
  beside(form, said.join(" ") || "This was not done. Nothing was saved; try again in a moment.");
});
document.addEventListener("htmx:sendError", (event) => {
  const form = formOf(event);
  if (form) beside(form, "The server cannot be reached. What you typed is still here; try again in a moment.");
});
document.addEventListener("htmx:afterSettle", () => {
  boost(document);
  document.querySelector(".flash")?.scrollIntoView({ block: "nearest" });
});
document.addEventListener("refreshed", () => boost(document));
