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
boost(document);
document.addEventListener("htmx:afterSettle", () => {
  boost(document);
  document.querySelector(".flash")?.scrollIntoView({ block: "nearest" });
});
document.addEventListener("refreshed", () => boost(document));
