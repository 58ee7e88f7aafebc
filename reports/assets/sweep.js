"use strict";
(() => {
  const source = document.getElementById("data");
  const { fields, rows } = JSON.parse(source.textContent);
  const all = rows.map((row, index) => {
    const entry = { index };
    fields.forEach((field, n) => { entry[field] = row[n]; });
    entry.about = `#${entry.pr} ${entry.name} ${entry.rules.join(" ")} ${entry.recommendation}`.toLowerCase();
    return entry;
  });
  const byId = (id) => document.getElementById(id);
  const make = (tag, text, name) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (name) node.className = name;
    return node;
  };
  const pull = (pr) => {
    const link = make("a", `#${pr}`);
    link.href = source.dataset.pulls + pr;
    link.rel = "noopener noreferrer";
    return link;
  };
  const badge = (cell) => (cell.getValue() ? make("span", cell.getValue(), `badge ${cell.getValue()}`) : "");
  const grouped = new Intl.NumberFormat("en-US");
  const order = ["CLEAN", "INCOMPLETE", "UNREADABLE", "HOLD", "FLAG", "ERROR"];
  const bySeverity = (a, b) => order.indexOf(a) - order.indexOf(b);
  const number = (a, b, rowA, rowB, column, direction) => {
    const empty = direction === "asc" ? Infinity : -Infinity;
    return (a ?? empty) - (b ?? empty) || 0;
  };

  const chosen = new Set();
  const wanted = { search: byId("search"), verdict: byId("verdict"), track: byId("track"), rule: byId("rule"), week: byId("week") };
  const monday = (day) => {
    if (!day) return "";
    const date = new Date(`${day}T00:00:00Z`);
    date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
    return date.toISOString().slice(0, 10);
  };
  const fits = (entry) =>
    (!chosen.size || chosen.has(entry.pr)) &&
    (!wanted.verdict.value || entry.verdict === wanted.verdict.value) &&
    (!wanted.track.value || entry.track === wanted.track.value) &&
    (!wanted.rule.value || entry.rules.includes(wanted.rule.value)) &&
    (!wanted.week.value || monday(entry.day) === wanted.week.value) &&
    wanted.search.value.toLowerCase().split(/\s+/).every((word) => entry.about.includes(word));

  const table = new Tabulator("#table", {
    data: all,
    index: "index",
    height: "70vh",
    layout: "fitDataStretch",
    placeholder: "Nothing fits.",
    initialSort: [{ column: "pr", dir: "desc" }],
    columnDefaults: { headerSortTristate: false, resizable: false },
    columns: [
      { title: "PR", field: "pr", width: 80, sorter: "number", formatter: (cell) => pull(cell.getValue()) },
      { title: "head", field: "day", width: 105 },
      { title: "submission", field: "name", minWidth: 200, widthGrow: 2, formatter: (cell) => {
        const button = make("button", cell.getValue() || "(no name)", "open");
        button.type = "button";
        button.addEventListener("click", () => detail(cell.getData()));
        return button;
      } },
      { title: "verdict", field: "verdict", width: 125, formatter: badge, sorter: bySeverity },
      { title: "val_bpb", field: "bpb", width: 95, hozAlign: "right", sorter: number,
        formatter: (cell) => (cell.getValue() === null ? "" : cell.getValue().toFixed(5)) },
      { title: "bytes", field: "bytes", width: 115, hozAlign: "right", sorter: number,
        formatter: (cell) => (cell.getValue() === null ? "" : grouped.format(cell.getValue())) },
      { title: "rules", field: "rules", minWidth: 240, widthGrow: 2, formatter: (cell) => make("span", cell.getValue().join(", ")),
        sorter: (a, b) => a.length - b.length || a.join().localeCompare(b.join()) },
      { title: "compliance", field: "compliance", width: 130, formatter: badge, sorter: bySeverity },
      { title: "evidence", field: "evidence", width: 125, formatter: badge, sorter: bySeverity },
      { title: "package", field: "package", width: 125, formatter: badge, sorter: bySeverity },
      { title: "track", field: "track", width: 105 },
      { title: "recommendation", field: "recommendation", width: 175 },
    ],
  });

  const detail = (entry) => {
    const place = byId("detail");
    const head = make("h3");
    head.append(pull(entry.pr), ` ${entry.name} `, make("span", entry.verdict, `badge ${entry.verdict}`));
    const list = make("ul");
    for (const [rule, status, where, message] of entry.findings) {
      const item = make("li");
      item.append(make("strong", rule), ` (${status}) `, make("code", where), ` ${message}`);
      list.append(item);
    }
    const close = make("button", "Close");
    close.type = "button";
    close.addEventListener("click", () => { place.hidden = true; });
    place.replaceChildren(head, entry.error ? make("p", entry.error) : entry.findings.length ? list : make("p", "Nothing was found against it."), close);
    place.hidden = false;
    place.focus({ preventScroll: true });
    place.scrollIntoView({ block: "nearest" });
  };

  let built = false;
  const refresh = () => {
    if (!built) return;
    table.setFilter(fits);
    byId("shown").textContent = `${grouped.format(table.getDataCount("active"))} of ${grouped.format(all.length)} shown`;
    for (const button of document.querySelectorAll("[data-verdict]"))
      button.setAttribute("aria-pressed", String(button.dataset.verdict === wanted.verdict.value));
  };
  table.on("tableBuilt", () => {
    // A grid holds groups of rows and nothing else; the library puts the group one element too deep.
    document.querySelector("#table .tabulator-tableholder").setAttribute("role", "rowgroup");
    document.querySelector("#table .tabulator-table").setAttribute("role", "presentation");
    byId("table").setAttribute("aria-labelledby", "submissions");
    built = true;
    refresh();
    document.body.dataset.ready = "yes";
  });
  const choose = (id, value) => {
    wanted[id].value = wanted[id].value === value ? "" : value;
    refresh();
    byId("submissions").scrollIntoView({ block: "start" });
  };
  const form = document.querySelector(".filters");
  let waiting = 0;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(refresh, 120); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => { chosen.clear(); setTimeout(refresh); });
  document.addEventListener("click", (event) => {
    const verdict = event.target.closest("[data-verdict]");
    if (verdict) choose("verdict", verdict.dataset.verdict);
    const rule = event.target.closest("button[data-rule]");
    if (rule) choose("rule", rule.dataset.rule);
    const show = event.target.closest("[data-prs]");
    if (show) {
      form.reset();
      chosen.clear();
      for (const pr of show.dataset.prs.split(",")) chosen.add(Number(pr));
      setTimeout(() => {
        for (const pr of show.dataset.prs.split(",")) chosen.add(Number(pr));
        refresh();
        byId("submissions").scrollIntoView({ block: "start" });
      });
    }
    const point = event.target.closest("circle[data-row]");
    if (point) detail(all[Number(point.dataset.row)]);
  });
  byId("scatter").addEventListener("mouseover", (event) => {
    const point = event.target.closest("circle[data-row]");
    if (!point) return;
    const entry = all[Number(point.dataset.row)];
    byId("point").textContent = `#${entry.pr} ${entry.name}: ${entry.bpb}, ${grouped.format(entry.bytes)} bytes, ${entry.verdict}`;
  });
})();
