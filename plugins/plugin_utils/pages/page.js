"use strict";
// Comforts alone: the page can be read without them.
(() => {
  const box = document.getElementById("filter-box");
  const field = document.getElementById("filter");
  const count = document.getElementById("filtered");
  const parts = [...document.querySelectorAll(".row, .node")].map((part) => {
    const name = part.querySelector(".name");
    return { part, name: name ? name.textContent.toLowerCase() : "", isNode: part.classList.contains("node") };
  });
  const filter = () => {
    const wanted = field.value.trim().toLowerCase();
    let shown = 0;
    for (const { part, name, isNode } of parts) {
      part.hidden = !name.includes(wanted);
      if (isNode && !part.hidden) shown += 1;
    }
    count.textContent = wanted ? `${shown} of ${parts.filter((each) => each.isNode).length} nodes` : "";
  };
  if (box) {
    box.hidden = false;
    field.addEventListener("input", filter);
    filter();
  }

  const openTarget = () => {
    const target = document.getElementById(location.hash.slice(1));
    for (let at = target; at; at = at.parentElement) if (at.localName === "details") at.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", openTarget);
  if (location.hash) openTarget();

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const each of closed) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
})();
