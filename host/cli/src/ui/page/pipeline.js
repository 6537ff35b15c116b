"use strict";

// The picture of pipelines: sources, stages, outputs and sinks from left to right.
(() => {
  const WIDTH = 196, HEIGHT = 96, GAP_X = 88, GAP_Y = 20, MARGIN = 12;
  const SHOWN_FACTS = ["CPU time a minute", "CPU time a call", "events a minute", "age of its data", "waiting", "ticks", "time since the last tick", "frames", "events", "calls", "state"];
  const CHARACTERS = 28;

  const cut = (text) => (text.length > CHARACTERS ? text.slice(0, CHARACTERS - 1) + "…" : text);

  function columns(pipeline, sinks) {
    const used = sinks.filter((sink) => pipeline.outputs.some((output) => output.sink === sink.id));
    return [pipeline.sources, ...pipeline.stages.map((stage) => [stage]), pipeline.outputs, used].filter((column) => column.length > 0);
  }

  function lines(part) {
    if (part.reasons.length > 0) return part.reasons.slice(0, 2);
    const facts = SHOWN_FACTS.map((name) => part.facts.find((fact) => fact.name === name)).filter(Boolean);
    return facts.slice(0, 2).map((fact) => fact.name + ": " + fact.value);
  }

  function box(part, x, y) {
    const whole = [part.title, part.subtitle, ui.words[part.state], ...part.reasons, ...part.facts.map((fact) => fact.name + ": " + fact.value)];
    const text = (words, dy, kind) => ui.svg("text", { x: x + 10, y: y + dy, class: kind }, cut(words));
    return ui.svg("g", { class: "part", "data-part": part.id, "data-state": part.state },
      ui.svg("title", {}, whole.join("\n")),
      ui.svg("rect", { x, y, width: WIDTH, height: HEIGHT, rx: part.state === "failing" ? 0 : 8 }),
      text(part.title, 22, "title"),
      text(part.subtitle, 38, "small muted"),
      text(ui.marks[part.state] + " " + ui.words[part.state], 56, "small word"),
      lines(part).map((line, index) => text(line, 72 + index * 15, "small")));
  }

  function edge(from, to, label) {
    const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2, to.x, to.y + HEIGHT / 2];
    const middle = (x1 + x2) / 2;
    return ui.svg("g", {},
      ui.svg("path", { class: "edge", d: `M${x1},${y1} C${middle},${y1} ${middle},${y2} ${x2 - 8},${y2}` }),
      ui.svg("path", { class: "arrow", d: `M${x2},${y2} l-9,-5 v10 z` }),
      label && label.split(" ").reduce((rows, word) => {
        const last = rows[rows.length - 1];
        if (last && (last + " " + word).length <= 12) rows[rows.length - 1] = last + " " + word;
        else rows.push(word);
        return rows;
      }, []).slice(0, 2).map((row, index, all) =>
        ui.svg("text", { x: middle, y: (y1 + y2) / 2 - 8 - (all.length - 1 - index) * 14, class: "small", "text-anchor": "middle" }, row)));
  }

  function draw(pipeline, sinks) {
    const grid = columns(pipeline, sinks);
    const tallest = Math.max(1, ...grid.map((column) => column.length));
    const height = tallest * (HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN;
    const width = grid.length * (WIDTH + GAP_X) - GAP_X + 2 * MARGIN;
    const placed = grid.map((column, at) => {
      const top = (height - column.length * (HEIGHT + GAP_Y) + GAP_Y) / 2;
      return column.map((part, index) => ({ part, x: MARGIN + at * (WIDTH + GAP_X), y: top + index * (HEIGHT + GAP_Y) }));
    });
    const edges = [];
    placed.slice(1).forEach((column, at) => {
      for (const from of placed[at]) {
        for (const to of column) {
          if (from.part.sink && from.part.sink !== to.part.id) continue;
          edges.push(edge(from, to, from.part.flow));
        }
      }
    });
    const parts = grid.flat();
    const failing = parts.filter((part) => part.state === "failing").length;
    const label = `Picture of pipeline ${pipeline.name}: ${ui.count(parts.length, "part")} from left to right, ${failing} failing. The table below has the same.`;
    return ui.element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Pipeline " + pipeline.name },
      ui.svg("svg", { role: "img", "aria-label": label, width, height, viewBox: `0 0 ${width} ${height}`, "data-pipeline": pipeline.name },
        edges, placed.flat().map(({ part, x, y }) => box(part, x, y))));
  }

  const whole = (text) => ui.element("span", { class: "whole" }, text);

  function partRows(document) {
    const rows = [];
    const add = (pipeline, kind, part) => rows.push([part.title, whole(kind), pipeline, whole(ui.marks[part.state] + " " + ui.words[part.state]),
      part.reasons.join("; ") || "-", part.facts.map((fact) => fact.name + ": " + fact.value).join("; ") || "-"]);
    for (const pipeline of document.pipelines) {
      pipeline.sources.forEach((part) => add(pipeline.name, "source", part));
      pipeline.stages.forEach((part) => add(pipeline.name, part.subtitle, part));
      pipeline.outputs.forEach((part) => add(pipeline.name, part.subtitle, part));
    }
    document.sinks.forEach((part) => add("-", "sink", part));
    return rows;
  }

  function summary(document) {
    const parts = document.pipelines.flatMap((pipeline) => [...pipeline.sources, ...pipeline.stages, ...pipeline.outputs]).concat(document.sinks);
    const named = (state) => [...new Set(parts.filter((part) => part.state === state).map((part) => part.title))];
    const [failing, warning] = [named("failing"), named("warning")];
    const state = failing.length ? "failing" : warning.length ? "warning" : "ok";
    const texts = [failing.length && "▲ failing: " + failing.join(", "), warning.length && "◆ warning: " + warning.join(", ")].filter(Boolean);
    return ui.notice(texts.join(". ") || "● all parts work", state);
  }

  let nodes = null;
  let shown = "";
  ui.view("pipeline", "Pipeline", {
    interval: 3000,
    show(content) {
      nodes = ui.element("div", {});
      content.append(nodes);
    },
    async refresh() {
      const found = await ui.get("pipeline", { frame: ui.frame() });
      const key = JSON.stringify(found);
      if (key === shown) return;
      shown = key;
      const focused = document.activeElement?.getAttribute("aria-label");
      const hasFocus = nodes.contains(document.activeElement);
      ui.replace(nodes,
        found.note && ui.notice(found.note, "warning"),
        found.pipelines.length > 0 && summary(found),
        ui.element("p", { class: "muted" }, ui.time(found.time_unix_ms)),
        found.pipelines.map((pipeline) => [
          ui.element("h3", {}, "Pipeline " + pipeline.name + (pipeline.scope ? ", batches of a " + pipeline.scope : "")),
          pipeline.is_idle && ui.element("p", { class: "muted" }, "No batch has passed through this pipeline."),
          draw(pipeline, found.sinks),
        ]),
        ui.element("h3", {}, "All parts"),
        ui.simpleTable("Sources, stages, outputs and sinks", ["Part", "Kind", "Pipeline", "State", "Reasons", "Facts"], partRows(found)));
      if (hasFocus) [...nodes.querySelectorAll("[tabindex]")].find((node) => node.getAttribute("aria-label") === focused)?.focus();
    },
  });
})();
