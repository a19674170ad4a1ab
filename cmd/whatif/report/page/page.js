"use strict";
// Everything is readable without this script; it adds finding and expanding.
(() => {
  const nodes = document.getElementById("nodes");
  const all = [...nodes.querySelectorAll("details")];
  const rows = [...nodes.querySelectorAll(".node")];
  const groups = [...nodes.querySelectorAll(".group")];
  const find = document.getElementById("find");
  const expand = document.getElementById("expand");
  const found = document.getElementById("found");
  if (!rows.length) return;
  nodes.querySelector(".tools").hidden = false;

  const opened = new Map(all.map((d) => [d, d.open]));
  find.addEventListener("input", () => {
    const words = find.value.trim().toLowerCase();
    let hits = 0;
    for (const row of rows) {
      const hit = row.textContent.toLowerCase().includes(words);
      row.hidden = !hit;
      row.open = words !== "" && hit && row.querySelector(".inside").textContent.toLowerCase().includes(words);
      if (hit) hits++;
    }
    for (const group of groups) {
      const any = [...group.querySelectorAll(".node")].some((row) => !row.hidden);
      group.hidden = !any;
      group.open = words === "" ? opened.get(group) : any;
    }
    found.textContent = words === "" ? "" : hits + " of " + rows.length + " nodes";
  });
  expand.addEventListener("click", () => {
    const open = expand.textContent === "Expand all";
    for (const d of all) d.open = open;
    expand.textContent = open ? "Collapse all" : "Expand all";
  });
})();
