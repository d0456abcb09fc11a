// Tables of leaderboards: rows from JSON in the page, filtered by choices and text, sorted by the heads of columns.
(() => {
  "use strict";
  const SHOWN = 300;

  function show(place) {
    const { columns, rows, filters } = JSON.parse(place.querySelector("script").textContent);
    const chosen = new Map();
    let sorted = { column: 0, falling: false };
    const controls = document.createElement("div");
    controls.className = "table-filter";
    for (const column of filters) {
      const label = document.createElement("label");
      const select = document.createElement("select");
      select.setAttribute("aria-label", columns[column]);
      select.add(new Option("all", ""));
      for (const value of [...new Set(rows.map((row) => row[column]))].sort(order)) {
        select.add(new Option(value ?? "–", String(value)));
      }
      select.addEventListener("change", () => { chosen.set(column, select.value); draw(); });
      label.append(columns[column] + " ", select);
      controls.append(label);
    }
    const count = document.createElement("output");
    controls.append(count);
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    columns.forEach((name, column) => {
      const cell = document.createElement("th");
      cell.textContent = name;
      cell.tabIndex = 0;
      cell.setAttribute("aria-sort", "none");
      const sort = () => {
        sorted = { column, falling: sorted.column === column && !sorted.falling };
        draw();
      };
      cell.addEventListener("click", sort);
      cell.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
      head.append(cell);
    });
    const body = table.createTBody();
    const scroll = document.createElement("div");
    scroll.className = "md-typeset__scrollwrap";
    const inner = document.createElement("div");
    inner.className = "md-typeset__table";
    inner.append(table);
    scroll.append(inner);
    place.append(controls, scroll);
    draw();

    function order(a, b) {
      if (a === b) return 0;
      if (a === null || a === undefined) return 1;
      if (b === null || b === undefined) return -1;
      return a < b ? -1 : 1;
    }

    function draw() {
      const kept = rows.filter((row) => [...chosen].every(([column, value]) => value === "" || String(row[column]) === value));
      const { column, falling } = sorted;
      kept.sort((a, b) => {
        const missing = (a[column] === null) - (b[column] === null);
        return missing || (falling ? order(b[column], a[column]) : order(a[column], b[column]));
      });
      [...head.cells].forEach((cell, number) => {
        cell.setAttribute("aria-sort", number !== column ? "none" : falling ? "descending" : "ascending");
      });
      body.replaceChildren(...kept.slice(0, SHOWN).map((row) => {
        const line = document.createElement("tr");
        for (const value of row) {
          const cell = line.insertCell();
          cell.textContent = value === null ? "–" : typeof value === "number" ? shown(value) : value;
          if (typeof value === "number") cell.style.textAlign = "right";
        }
        return line;
      }));
      const more = kept.length > SHOWN ? `, the first ${SHOWN} are shown` : "";
      count.textContent = `${kept.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows${more}`;
    }

    function shown(value) {
      if (Number.isInteger(value)) return value.toLocaleString("en");
      return Math.abs(value) >= 0.001 ? value.toPrecision(4).replace(/\.?0+$/, "") : value.toExponential(2);
    }
  }

  document.querySelectorAll(".sortable").forEach(show);
})();
