"use strict";
// A step of the path and its line in the code are marked together; the links work without this too.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.jump, a.mark");
  if (!link) return;
  const target = document.getElementById(link.hash.slice(1));
  const finding = link.closest(".finding, .note");
  if (!target || !finding) return;
  event.preventDefault();
  for (const marked of finding.querySelectorAll(".current")) marked.classList.remove("current");
  for (const marked of finding.querySelectorAll("[aria-current]")) marked.removeAttribute("aria-current");
  const step = link.matches(".mark") ? target.querySelector("a.jump") : link;
  const line = link.matches(".mark") ? link.closest(".line") : target;
  if (step) step.setAttribute("aria-current", "step");
  line.classList.add("current");
  target.scrollIntoView({ block: "center", inline: "nearest" });
  history.replaceState(null, "", link.hash);
  const focus = target.querySelector("a") || target;
  if (focus === target) focus.setAttribute("tabindex", "-1");
  focus.focus({ preventScroll: true });
});
