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

  const today = source.dataset.today;
  const age = (cell) => {
    const day = cell.getValue();
    if (!today || !day) return day;
    const node = make("span", `${Math.round((Date.parse(today) - Date.parse(day)) / 864e5)} d`);
    node.title = day;
    return node;
  };
  const narrow = window.matchMedia("(max-width: 45rem)");
  const wide = window.matchMedia("(min-width: 70rem)");
  // On a phone number and verdict share a column, so that reason and score have room beside them.
  const named = (cell) => {
    const node = make("span", undefined, "named");
    node.append(pull(cell.getValue()));
    if (narrow.matches) node.append(badge({ getValue: () => cell.getData().verdict }));
    return node;
  };
  const table = new Tabulator("#table", {
    data: all,
    index: "index",
    height: "70vh",
    layout: "fitColumns",
    placeholder: "Nothing fits.",
    initialSort: today ? [] : [{ column: "pr", dir: "desc" }],
    columnDefaults: { headerSortTristate: false, resizable: false },
    columns: [
      { title: "PR", field: "pr", width: narrow.matches ? 104 : 78, sorter: "number", formatter: named },
      { title: "verdict", field: "verdict", width: 125, formatter: badge, sorter: bySeverity, visible: !narrow.matches },
      { title: "reason", field: "reason", minWidth: 120, widthGrow: 3, variableHeight: true, cssClass: "wrap", formatter: (cell) => {
        const button = make("button", cell.getValue() || "(no reason)", "open");
        button.type = "button";
        button.addEventListener("click", () => detail(cell.getData()));
        return button;
      } },
      { title: narrow.matches ? "bpb" : "val_bpb", field: "bpb", width: narrow.matches ? 84 : 104, hozAlign: "right", sorter: number,
        formatter: (cell) => (cell.getValue() === null ? "" : cell.getValue().toFixed(4)) },
      { title: "bytes", field: "bytes", width: 112, hozAlign: "right", sorter: number, visible: !narrow.matches,
        formatter: (cell) => (cell.getValue() === null ? "" : grouped.format(cell.getValue())) },
      { title: today ? "age" : "head", field: "day", width: 104, formatter: age, visible: !narrow.matches,
        sorter: (a, b) => (today ? b.localeCompare(a) : a.localeCompare(b)) },
      { title: "advice", field: "recommendation", width: 160, visible: wide.matches },
      { title: "submission", field: "name", minWidth: 160, widthGrow: 1, visible: wide.matches },
    ],
  });
  const fit = () => {
    for (const field of ["verdict", "bytes", "day"]) table[narrow.matches ? "hideColumn" : "showColumn"](field);
    for (const field of ["recommendation", "name"]) table[wide.matches ? "showColumn" : "hideColumn"](field);
    table.redraw(true);
  };

  const detail = (entry) => {
    const place = byId("detail");
    const head = make("h3");
    head.append(pull(entry.pr), " ", make("span", entry.verdict, `badge ${entry.verdict}`));
    const about = make("p", [entry.name, entry.track, entry.recommendation, `compliance ${entry.compliance}`,
      `evidence ${entry.evidence}`, `package ${entry.package}`].filter((part) => part && !part.endsWith(" ")).join(" · "));
    const list = make("ul");
    for (const [rule, status, where, message] of entry.findings) {
      const item = make("li");
      item.append(make("strong", rule), ` (${status}) `, make("code", where), ` ${message}`);
      list.append(item);
    }
    const close = make("button", "Close");
    close.type = "button";
    close.addEventListener("click", () => { place.hidden = true; });
    place.replaceChildren(head, about, entry.error ? make("p", entry.error) : entry.findings.length ? list : make("p", "Nothing was found against it."), close);
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
    for (const query of [narrow, wide]) query.addEventListener("change", fit);
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
