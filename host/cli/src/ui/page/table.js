"use strict";

// Tables of one view: the server sorts, filters and pages.
(() => {
  const ROWS = 50;

  function table(view, isMeasured) {
    const state = { sort: "", order: "", filter: "", offset: 0 };
    let nodes = null;
    let titles = "";
    let asked = 0;

    function show(content) {
      const filter = ui.element("input", { type: "search", id: "filter-" + view, maxlength: 200, input: () => change({ filter: filter.value, offset: 0 }) });
      const metric = ui.element("select", { id: "sort-" + view, change: () => change({ sort: metric.value, order: "", offset: 0 }) });
      const page = (text, offset) => ui.element("button", { type: "button", click: () => change({ offset: Math.max(0, offset()) }) }, text);
      nodes = {
        metric,
        note: ui.element("div", {}),
        count: ui.element("p", { role: "status", class: "count" }),
        head: ui.element("tr", {}),
        body: ui.element("tbody", {}),
        first: page("First", () => 0),
        previous: page("Previous", () => state.offset - ROWS),
        next: page("Next", () => state.offset + ROWS),
        last: page("Last", () => nodes.lastOffset),
        lastOffset: 0,
      };
      content.append(
        ui.element("div", { class: "controls" },
          ui.element("div", {}, ui.element("label", { for: filter.id }, "Filter by name"), filter),
          isMeasured && ui.element("div", {}, ui.element("label", { for: metric.id }, "Sort by a metric"), metric)),
        nodes.note,
        ui.element("nav", { "aria-label": "Pages of " + view, class: "controls" }, nodes.first, nodes.previous, nodes.next, nodes.last, nodes.count),
        ui.element("div", { class: "scroll" },
          ui.element("table", { id: "table-" + view }, ui.element("caption", {}, "Sorted by the marked column; the buttons in the heads sort."),
            ui.element("thead", {}, nodes.head), nodes.body)));
    }

    function change(values) {
      Object.assign(state, values);
      ui.refresh();
    }

    function head(columns) {
      const key = columns.map((column) => column.title).join("\n");
      if (key !== titles) {
        titles = key;
        const cells = columns.map((column) => {
          const sort = () => {
            const isSame = state.sort === column.title || (!state.sort && nodes.head.querySelector("[aria-sort]")?.dataset.title === column.title);
            change({ sort: column.title, order: isSame && state.order !== "reverse" ? "reverse" : "", offset: 0 });
          };
          return ui.element("th", { scope: "col", class: column.is_number ? "number" : null, "data-title": column.title },
            ui.element("button", { type: "button", click: sort }, column.title, ui.element("span", { "aria-hidden": "true" })));
        });
        if (isMeasured) cells.push(ui.element("th", { scope: "col" }, "Plot"));
        ui.replace(nodes.head, cells);
      }
      columns.forEach((column, index) => {
        const cell = nodes.head.children[index];
        if (column.sorted) cell.setAttribute("aria-sort", column.sorted);
        else cell.removeAttribute("aria-sort");
        cell.querySelector("span").textContent = column.sorted ? (column.sorted === "ascending" ? " ▲" : " ▼") : "";
      });
    }

    function row(columns, found) {
      const cells = found.cells.map((cell, index) => {
        const text = cell.is_bad ? "▲ " + cell.text : cell.text;
        const attributes = { class: [columns[index]?.is_number && "number", cell.is_bad && "bad"].filter(Boolean).join(" ") || null };
        return index === 0 ? ui.element("th", { scope: "row", ...attributes }, text) : ui.element("td", attributes, text);
      });
      if (isMeasured) {
        const name = found.cells[0].text;
        cells.push(ui.element("td", {}, ui.element("button", { type: "button", "aria-label": "Plot " + name, click: () => ui.plotObject(view, found.key, name) }, "Plot")));
      }
      return ui.element("tr", { "data-row": found.key }, cells);
    }

    async function metrics() {
      const found = await ui.get("choices", { view, frame: ui.frame() });
      ui.update(nodes.metric, found.metrics, () => [ui.element("option", { value: "" }, "(the first column)"),
        found.metrics.map((metric) => ui.element("option", { value: metric.name }, metric.shown))]);
      nodes.metric.value = found.metrics.some((metric) => metric.name === state.sort) ? state.sort : "";
    }

    async function refresh() {
      const ticket = ++asked;
      const page = await ui.get("table", { view, frame: ui.frame(), limit: ROWS, ...state });
      // A slow response to an older request must not replace a newer one.
      if (ticket !== asked) return;
      state.offset = page.offset;
      nodes.lastOffset = Math.max(0, Math.floor((page.matching - 1) / ROWS) * ROWS);
      head(page.columns);
      const focused = nodes.body.contains(document.activeElement) ? document.activeElement.closest("tr").dataset.row : null;
      ui.update(nodes.body, [page.rows, page.columns], () => page.rows.map((found) => row(page.columns, found)));
      if (focused !== null) [...nodes.body.children].find((found) => found.dataset.row === focused)?.querySelector("button")?.focus();
      ui.update(nodes.note, page.note, () => page.note && ui.notice(page.note, "warning"));
      const last = page.offset + page.rows.length;
      const text = page.matching ? "Rows " + (page.offset + 1).toLocaleString("en") + " to " + last.toLocaleString("en") + " of " + page.matching.toLocaleString("en") : "No rows";
      if (nodes.count.textContent !== text) nodes.count.textContent = text;
      nodes.first.disabled = nodes.previous.disabled = page.offset === 0;
      nodes.next.disabled = nodes.last.disabled = last >= page.matching;
      if (isMeasured) await metrics();
    }

    return { show, refresh, interval: 5000 };
  }
  ui.tableView = table;
})();
