"use strict";

// A chart of values over time: curves, a legend, a slider that reads the values out, and a table.
(() => {
  const WIDTH = 960, HEIGHT = 320, LEFT = 88, RIGHT = 16, TOP = 12, BOTTOM = 44, TICKS = 5;
  const DASHES = ["", "8 4", "2 4", "12 4 2 4", "16 6", "4 2", "10 3 3 3 3 3", "1 3"];

  function step(span) {
    const raw = span / TICKS;
    const power = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw) || power * 10;
  }

  const units = { Bytes: [1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]], "Bytes/Second": [1024, ["B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"]] };

  // Formats a value for people; the table has all digits.
  ui.value = (value, unit) => {
    if (value === null || value === undefined) return "absent";
    const [base, names] = units[unit] || [0, [unit === "Percent" ? "%" : unit]];
    let [size, index] = [value, 0];
    while (base && Math.abs(size) >= base && index < names.length - 1) [size, index] = [size / base, index + 1];
    const digits = Number.isInteger(size) ? 0 : Math.abs(size) < 1 ? 4 : 1;
    return size.toLocaleString("en", { maximumFractionDigits: digits, useGrouping: true }) + (names[index] ? " " + names[index] : "");
  };

  function mark(kind, x, y) {
    const shapes = [
      `M${x - 4},${y} a4,4 0 1,0 8,0 a4,4 0 1,0 -8,0`,
      `M${x - 4},${y - 4} h8 v8 h-8 z`,
      `M${x},${y - 5} l5,9 h-10 z`,
      `M${x},${y - 5} l5,5 l-5,5 l-5,-5 z`,
    ];
    return ui.svg("path", { class: "mark s" + kind, d: shapes[kind % shapes.length] });
  }

  function scales(plot) {
    const points = plot.series.flatMap((series) => series.points);
    const times = [...new Set(points.map(([time]) => time))].sort((a, b) => a - b);
    const values = points.map(([, value]) => value).filter((value) => value !== null);
    let [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
    if (low === high) high = low + 1;
    const size = step(high - low);
    [low, high] = [Math.floor(low / size) * size, Math.ceil(high / size) * size];
    const [begin, end] = [times[0] || 0, times[times.length - 1] || 0];
    const x = (time) => (end === begin ? (LEFT + WIDTH - RIGHT) / 2 : LEFT + ((time - begin) / (end - begin)) * (WIDTH - LEFT - RIGHT));
    const y = (value) => TOP + ((high - value) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    const ticks = [];
    for (let index = 0; low + index * size <= high + size / 2; index++) ticks.push(low + index * size);
    return { times, x, y, ticks, begin, end };
  }

  function axes(scale, unit) {
    const horizontal = scale.ticks.map((value) => [
      ui.svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: scale.y(value), y2: scale.y(value) }),
      ui.svg("text", { class: "small", x: LEFT - 6, y: scale.y(value) + 4, "text-anchor": "end" }, ui.value(value, unit)),
    ]);
    const count = scale.times.length > 1 ? TICKS - 1 : 0;
    const vertical = Array.from({ length: count + 1 }, (_, index) => {
      const time = scale.begin + ((scale.end - scale.begin) * index) / Math.max(1, count);
      const anchor = index === 0 && count ? "start" : index === count && count ? "end" : "middle";
      return ui.svg("text", { class: "small", x: scale.x(time), y: HEIGHT - BOTTOM + 18, "text-anchor": anchor }, scale.times.length ? ui.time(time).slice(11, 19) : "");
    });
    return [horizontal, vertical,
      ui.svg("line", { class: "axis", x1: LEFT, x2: LEFT, y1: TOP, y2: HEIGHT - BOTTOM }),
      ui.svg("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }),
      ui.svg("text", { class: "small muted", x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, "time, UTC"),
      ui.svg("text", { class: "small muted", x: LEFT, y: HEIGHT - 6 }, unit ? "unit: " + unit : "no unit")];
  }

  function curve(series, index, scale) {
    let path = "";
    let isOpen = false;
    for (const [time, value] of series.points) {
      if (value !== null) path += (isOpen ? "L" : "M") + scale.x(time).toFixed(1) + "," + scale.y(value).toFixed(1);
      isOpen = value !== null;
    }
    const last = [...series.points].reverse().find(([, value]) => value !== null);
    return [ui.svg("path", { class: "curve s" + index, d: path || "M0,0", "stroke-dasharray": DASHES[index] || null }),
      last && mark(index, scale.x(last[0]), scale.y(last[1]))];
  }

  // Creates a chart; `update` draws other values into it.
  ui.chart = (id) => {
    let plot = null, scale = null, isLast = true;
    const cursor = ui.svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM });
    const marks = ui.svg("g", {});
    const picture = ui.svg("svg", { role: "img", viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
    const caption = ui.element("figcaption", {});
    const legend = ui.element("ul", { class: "legend", "aria-label": "Legend" });
    const slider = ui.element("input", { type: "range", min: 0, max: 0, value: 0, id: id + "-slider", input: () => { isLast = slider.value === slider.max; read(); } });
    const readout = ui.element("ul", { class: "readout", "aria-label": "Values at this time" });
    const table = ui.element("div", {});
    const node = ui.element("figure", { id },
      caption, picture, legend,
      ui.element("div", { class: "controls" }, ui.element("div", {}, ui.element("label", { for: slider.id }, "Read the values at a time"), slider)),
      readout, ui.element("details", {}, ui.element("summary", {}, "Values as a table"), table));

    function at(series, time) {
      const found = series.points.find(([when]) => when === time);
      return found ? found[1] : null;
    }

    function read() {
      const time = scale.times[Number(slider.value)];
      if (time === undefined) return;
      const x = scale.x(time);
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      const values = plot.series.map((series) => series.name + ": " + ui.value(at(series, time), plot.unit));
      ui.replace(marks, plot.series.map((series, index) => {
        const value = at(series, time);
        return value === null ? null : mark(index, x, scale.y(value));
      }));
      slider.setAttribute("aria-valuetext", ui.time(time) + ", " + values.join(", "));
      ui.replace(readout, ui.element("li", {}, ui.time(time)), values.map((text) => ui.element("li", {}, text)));
    }

    picture.addEventListener("pointermove", (event) => {
      const box = picture.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * WIDTH;
      const nearest = scale.times.reduce((best, time, index) => (Math.abs(scale.x(time) - x) < Math.abs(scale.x(scale.times[best]) - x) ? index : best), 0);
      slider.value = nearest;
      isLast = slider.value === slider.max;
      read();
    });

    function update(next) {
      plot = next;
      scale = scales(plot);
      const unit = plot.unit ? " in " + plot.unit : "";
      caption.textContent = plot.metric + unit;
      picture.setAttribute("aria-label", `Plot of ${plot.metric}${unit}: ${ui.count(plot.series.length, "curve")}, ${ui.count(scale.times.length, "time")}. The table below has the values.`);
      ui.replace(picture, axes(scale, plot.unit), plot.series.map((series, index) => curve(series, index, scale)), cursor, marks);
      ui.replace(legend, plot.series.map((series, index) => ui.element("li", {},
        ui.svg("svg", { "aria-hidden": "true", viewBox: "0 0 48 16" }, ui.svg("path", { class: "curve s" + index, d: "M2,8 h44", "stroke-dasharray": DASHES[index] || null }), mark(index, 24, 8)),
        " " + series.name)));
      slider.max = Math.max(0, scale.times.length - 1);
      if (isLast) slider.value = slider.max;
      const left = plot.series.reduce((most, series) => Math.max(most, series.left_out), 0);
      const title = plot.metric + unit + (left ? "; " + ui.count(left, "earlier time") + " left out" : "");
      const rows = scale.times.map((time) => [ui.time(time), ...plot.series.map((series) => { const value = at(series, time); return value === null ? "absent" : String(value); })]);
      ui.replace(table, ui.simpleTable(title, ["Time", ...plot.series.map((series) => series.name)], rows, plot.series.map((_, index) => index + 1)));
      read();
    }
    return { node, update };
  };
})();
