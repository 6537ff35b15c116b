"use strict";

// Plots of metrics over the frames, and over the history of the agent's own metrics.
(() => {
  const VIEWS = { pods: "Pods", containers: "Containers", nodes: "Nodes", agent: "The agent's own metrics" };
  const SHOWN = 20, MAX_METRICS = 4, MAX_OBJECTS = 8;
  const state = { view: "pods", metrics: [], objects: new Map(), named: "", filter: "" };
  const charts = new Map();
  let nodes = null;

  ui.plotObject = (view, key, name) => {
    if (state.view !== view) state.metrics = [];
    state.view = view;
    state.objects = new Map([[key, name]]);
    if (nodes) nodes.view.value = view;
    location.hash = "#plots";
    if (nodes) ui.refresh();
  };

  function list(node, chosen, found, all, most, change) {
    const entries = [...chosen, ...found.filter(([key]) => !chosen.some(([other]) => other === key))].slice(0, Math.max(SHOWN, chosen.length));
    const focused = node.contains(document.activeElement) ? document.activeElement.value : null;
    ui.update(node, [entries, all, chosen.length], () => [
      ui.element("ul", {}, entries.map(([key, name]) => {
        const isChosen = chosen.some(([other]) => other === key);
        const box = ui.element("input", { type: "checkbox", value: key, change: () => change(key, name, box.checked) });
        box.checked = isChosen;
        box.disabled = !isChosen && chosen.length >= most;
        return ui.element("li", {}, ui.element("label", {}, box, " " + name));
      })),
      all > entries.length && ui.element("p", { class: "muted" }, (all - entries.length).toLocaleString("en") + " more: narrow the filter"),
    ]);
    if (focused !== null) [...node.querySelectorAll("input")].find((box) => box.value === focused)?.focus();
  }

  function changeMetric(key, name, isChosen) {
    state.metrics = isChosen ? [...state.metrics, key] : state.metrics.filter((other) => other !== key);
    if (state.view === "agent" && isChosen) state.objects.clear();
    ui.refresh();
  }

  function changeObject(key, name, isChosen) {
    if (isChosen) state.objects.set(key, name);
    else state.objects.delete(key);
    ui.refresh();
  }

  function drawCharts(plots) {
    const wanted = new Set(plots.map((plot) => plot.metric));
    for (const [metric, chart] of charts) {
      if (!wanted.has(metric)) {
        chart.node.remove();
        charts.delete(metric);
      }
    }
    for (const plot of plots) {
      if (!charts.has(plot.metric)) {
        const chart = ui.chart("chart-" + plot.metric.replace(/[^\w]/g, "-"));
        charts.set(plot.metric, chart);
        nodes.charts.append(chart.node);
      }
      const chart = charts.get(plot.metric);
      const text = JSON.stringify(plot);
      if (chart.text !== text) {
        chart.text = text;
        chart.update(plot);
      }
    }
    const isEmpty = plots.every((plot) => plot.series.length === 0);
    ui.update(nodes.note, isEmpty, () => isEmpty && ui.notice("no values yet", "warning"));
  }

  ui.view("plots", "Plots", {
    interval: 5000,
    show(content) {
      const chooser = (legend, label, id, input) => {
        const entries = ui.element("div", {});
        const search = ui.element("input", { type: "search", id, maxlength: 200, input: () => input(search.value) });
        return [entries, ui.element("fieldset", {}, ui.element("legend", {}, legend), ui.element("label", { for: id }, label), " ", search, entries)];
      };
      const view = ui.element("select", { id: "plot-view", change: () => { Object.assign(state, { view: view.value, metrics: [], objects: new Map() }); ui.refresh(); } },
        Object.entries(VIEWS).map(([value, title]) => ui.element("option", { value }, title)));
      view.value = state.view;
      const [metrics, metricBox] = chooser(`Metrics, at most ${MAX_METRICS}`, "Filter the metrics", "metric-filter", (text) => { state.named = text; ui.refresh(); });
      const [objects, objectBox] = chooser(`Objects, at most ${MAX_OBJECTS}; without any, those with the largest values`, "Filter the objects", "object-filter", (text) => { state.filter = text; ui.refresh(); });
      nodes = { view, metrics, objects, note: ui.element("div", {}), charts: ui.element("div", { id: "charts" }) };
      content.append(
        ui.element("div", { class: "controls" }, ui.element("div", {}, ui.element("label", { for: view.id }, "Values of"), view)),
        ui.element("div", { class: "chooser" }, metricBox, objectBox),
        ui.element("h3", {}, "Charts"), nodes.note, nodes.charts);
    },
    async refresh() {
      const view = state.view;
      const found = await ui.get("choices", { view, metrics: state.named, filter: state.filter, metric: state.metrics[0] });
      if (view !== state.view) return;
      if (state.metrics.length === 0 && found.metrics.length > 0 && !state.named) state.metrics = [found.metrics[0].name];
      const title = (metric) => metric.shown + (metric.unit ? ", " + metric.unit : "");
      const known = new Map(found.metrics.map((metric) => [metric.name, title(metric)]));
      list(nodes.metrics, state.metrics.map((metric) => [metric, known.get(metric) || metric]), [...known], found.all_metrics, MAX_METRICS, changeMetric);
      list(nodes.objects, [...state.objects], found.objects.map((object) => [object.key, object.name]), found.all_objects, MAX_OBJECTS, changeObject);
      const plots = state.metrics.length ? (await ui.get("plot", { view, metric: state.metrics, key: [...state.objects.keys()] })).plots : [];
      if (view === state.view) drawCharts(plots);
    },
  });

  ui.view("nodes", "Nodes", ui.tableView("nodes", true));
  ui.view("pods", "Pods", ui.tableView("pods", true));
  ui.view("containers", "Containers", ui.tableView("containers", true));
  ui.view("stages", "Stages", ui.tableView("stages", false));
  ui.view("sinks", "Sinks", ui.tableView("sinks", false));
  ui.view("sources", "Sources", ui.tableView("sources", false));
})();
