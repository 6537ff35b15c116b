"use strict";

// Shared by the scripts of the views: elements, requests, and the choice of the view.
const ui = {};

(() => {
  const token = new URLSearchParams(location.search).get("token") || "";
  const SVG = "http://www.w3.org/2000/svg";
  const STATUS_MS = 2000;
  const views = new Map();
  let current = null;
  let timer = null;
  let frame = null;

  function filled(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") node.addEventListener(name, value);
      else node.setAttribute(name, value === true ? "" : String(value));
    }
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined || child === false) continue;
      // Texts become text nodes: markup in them is never parsed.
      node.append(child instanceof Node ? child : String(child));
    }
    return node;
  }

  ui.element = (name, attributes, ...children) => filled(document.createElement(name), attributes, children);
  ui.svg = (name, attributes, ...children) => filled(document.createElementNS(SVG, name), attributes, children);

  ui.replace = (node, ...children) => {
    node.replaceChildren();
    return filled(node, {}, children);
  };

  async function request(path, options) {
    let response;
    try {
      response = await fetch(path, options);
    } catch {
      throw new Error("insightctl does not respond: start it again, and open the address that it prints");
    }
    if (!response.ok) throw new Error((await response.text()).trim() || "HTTP status " + response.status);
    return response.json();
  }

  // Requests a document; values of parameters that are lists become several parameters.
  ui.get = (name, parameters) => {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(parameters || {})) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== null && one !== undefined && one !== "") query.append(key, one);
      }
    }
    return request("/api/" + name + "?" + query, { headers: { "X-Token": token } });
  };

  ui.post = (name, body) =>
    request("/api/" + name, { method: "POST", headers: { "X-Token": token, "Content-Type": "application/json" }, body: JSON.stringify(body) });

  ui.time = (ms) => (ms === null || ms === undefined ? "" : new Date(ms).toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC"));
  ui.count = (count, one, many) => count.toLocaleString("en") + " " + (count === 1 ? one : many || one + "s");
  ui.frame = () => frame;
  ui.words = { ok: "ok", warning: "warning", failing: "failing" };
  ui.marks = { ok: "●", warning: "◆", failing: "▲" };

  ui.announce = (text) => {
    const node = document.getElementById("announcement");
    if (node.textContent !== text) node.textContent = text;
  };

  ui.notice = (text, state) => ui.element("p", { class: "notice", "data-state": state || "ok" }, text);

  // Replaces an element's content, but only when it differs: focus and selection stay.
  ui.update = (node, key, build) => {
    const text = JSON.stringify(key);
    if (node.dataset.key === text) return false;
    node.dataset.key = text;
    ui.replace(node, build());
    return true;
  };

  // Makes a table with a caption; cells are texts or elements, the first of a row is its header.
  ui.simpleTable = (caption, columns, rows, numbers) => {
    const align = (index) => ((numbers || []).includes(index) ? "number" : null);
    const head = columns.map((title, index) => ui.element("th", { scope: "col", class: align(index) }, title));
    const body = rows.map((row) =>
      ui.element("tr", {}, row.map((cell, index) =>
        ui.element(index === 0 ? "th" : "td", { scope: index === 0 ? "row" : null, class: align(index) }, cell))));
    return ui.element("div", { class: "scroll" },
      ui.element("table", {}, ui.element("caption", {}, caption), ui.element("thead", {}, ui.element("tr", {}, head)), ui.element("tbody", {}, body)));
  };

  // A view has a title, `show(node)` that builds it once, `refresh()` and the time between two of them.
  ui.view = (name, title, view) => {
    const section = ui.element("section", { id: "view-" + name, "aria-labelledby": "title-" + name, hidden: true },
      ui.element("h2", { id: "title-" + name }, title));
    const problem = ui.element("div", { class: "problem" });
    const content = ui.element("div", {});
    section.append(problem, content);
    document.getElementById("main").append(section);
    const link = ui.element("a", { href: "#" + name }, title);
    document.getElementById("views").append(ui.element("li", {}, link));
    views.set(name, { ...view, title, section, content, problem, link, isBuilt: false });
  };

  async function refresh() {
    clearTimeout(timer);
    const view = current;
    try {
      await view.refresh();
      view.problem.replaceChildren();
    } catch (error) {
      ui.update(view.problem, error.message, () => ui.notice(error.message, "failing"));
      delete view.problem.dataset.key;
    }
    if (view === current) {
      clearTimeout(timer);
      timer = setTimeout(refresh, view.interval || 5000);
    }
  }
  ui.refresh = () => refresh();

  function choose() {
    const wanted = views.get(location.hash.slice(1).split("?")[0]) || current || views.values().next().value;
    if (wanted === current) return;
    for (const view of views.values()) {
      view.section.hidden = view !== wanted;
      if (view === wanted) view.link.setAttribute("aria-current", "page");
      else view.link.removeAttribute("aria-current");
    }
    document.title = wanted.title + " - insightd";
    current = wanted;
    if (!wanted.isBuilt) {
      wanted.isBuilt = true;
      wanted.show(wanted.content);
    }
    refresh();
  }

  function connection(state, text) {
    const node = document.getElementById("connection");
    node.dataset.state = state;
    document.getElementById("connection-mark").textContent = ui.marks[state] || "○";
    document.getElementById("connection-text").textContent = text;
  }

  function showFrames(status) {
    const box = document.getElementById("frames");
    const slider = document.getElementById("frame");
    box.hidden = status.mode !== "recording" || status.frames < 2;
    const wasLast = frame === null;
    slider.max = Math.max(1, status.frames);
    if (wasLast) slider.value = status.frames;
    document.getElementById("frame-text").textContent = slider.value + " of " + status.frames;
  }

  function showStatus(status) {
    document.getElementById("source").textContent = status.source;
    showFrames(status);
    if (status.mode === "recording") {
      const reading = status.is_complete ? "recording read" : "reading the recording";
      connection(status.problem ? "warning" : "ok", status.problem || reading + ", " + ui.count(status.frames, "frame"));
      ui.announce(status.problem || (status.is_complete ? "The recording is read." : "The recording is being read."));
    } else if (status.unreachable) {
      connection("failing", "no answer since " + status.silent_seconds + " s: " + status.unreachable);
      ui.announce("The agent does not respond.");
    } else if (!status.has_data) {
      connection("waiting", "waiting for the agent");
    } else {
      const tap = status.tap.state === "absent" ? "; no batches: " + status.tap.reason : "";
      const skipped = status.skipped_batches ? "; " + ui.count(status.skipped_batches, "batch", "batches") + " left out by the tap" : "";
      connection(tap || skipped ? "warning" : "ok", "the agent responds, " + ui.time(status.time_unix_ms) + tap + skipped);
      ui.announce("The agent responds.");
    }
  }

  async function pollStatus() {
    try {
      showStatus(await ui.get("status"));
    } catch (error) {
      connection("failing", error.message);
      ui.announce(error.message);
    }
    setTimeout(pollStatus, STATUS_MS);
  }

  ui.begin = () => {
    const slider = document.getElementById("frame");
    slider.addEventListener("input", () => {
      frame = slider.value === slider.max ? null : Number(slider.value);
      document.getElementById("frame-text").textContent = slider.value + " of " + slider.max;
      refresh();
    });
    addEventListener("hashchange", choose);
    choose();
    pollStatus();
  };
  addEventListener("DOMContentLoaded", () => ui.begin());
})();
