"use strict";

// Edits a script or the configuration, runs it over one frame, and shows how the events change.
(() => {
  const SCRIPT = 'for pod in all("pod") {\n    publish(pod, "pod_example", 1);\n}\n';
  let nodes = null;

  const kind = () => (nodes.script.checked ? "script" : "config");
  const texts = { script: SCRIPT, config: "" };
  let shownKind = "script";

  function choose() {
    texts[shownKind] = nodes.text.value;
    shownKind = kind();
    nodes.text.value = texts[shownKind];
    nodes.beforeBox.hidden = shownKind !== "script";
    nodes.label.textContent = shownKind === "script" ? "Program of builtin:script" : "Configuration";
  }

  function goTo(line, column) {
    const lines = nodes.text.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + Math.max(0, (column || 1) - 1);
    nodes.text.focus();
    nodes.text.setSelectionRange(start, Math.min(start + 1, nodes.text.value.length));
  }

  function problem(found) {
    const place = found.line ? "line " + found.line + (found.column ? ", column " + found.column : "") : "";
    return ui.element("li", {}, "▲ ", place && ui.element("button", { type: "button", click: () => goTo(found.line, found.column) }, place), place && " ", found.text);
  }

  const side = (value) => (value === null ? "absent" : value);

  function event(found) {
    const sign = { added: "+ added", removed: "- removed", changed: "~ changed" }[found.change];
    return ui.element("details", { class: "event", "data-change": found.change, open: found.change === "changed" },
      ui.element("summary", {}, ui.element("span", { class: "change" }, sign), " " + (found.type ? found.type + " " : "") + found.label),
      ui.simpleTable(found.left_out ? ui.count(found.left_out, "more difference") : "Differences", ["Name", "Before", "After"],
        found.differences.map((one) => [one.name, side(one.before), side(one.after)])));
  }

  function show(result) {
    const problems = result.problems || [];
    const counts = result.events && `Events: ${result.before} before, ${result.after} after; ${result.changed} changed, ${result.added} added, ${result.removed} removed, ${result.same} the same.`;
    ui.replace(nodes.result,
      problems.length > 0 && ui.element("div", { class: "notice", "data-state": "failing" }, ui.element("p", {}, ui.count(problems.length, "problem")), ui.element("ul", { id: "problems" }, problems.map(problem))),
      counts && ui.element("p", { id: "counts" }, counts),
      (result.notes || []).map((note) => ui.notice(note, "warning")),
      (result.events || []).map(event),
      result.left_out > 0 && ui.element("p", {}, ui.count(result.left_out, "more event") + " differ"));
    nodes.status.textContent = problems.length ? ui.count(problems.length, "problem") : counts;
  }

  async function run() {
    if (nodes.run.disabled) return;
    nodes.run.disabled = true;
    nodes.status.textContent = "running";
    try {
      show(await ui.post("playground", { kind: kind(), text: nodes.text.value, before: nodes.before.value, frame: ui.frame() }));
    } catch (error) {
      ui.replace(nodes.result, ui.notice(error.message, "failing"));
      nodes.status.textContent = error.message;
    }
    nodes.run.disabled = false;
  }

  ui.view("playground", "Playground", {
    interval: 60000,
    show(content) {
      const radio = (id, text, isChecked) => {
        const box = ui.element("input", { type: "radio", name: "kind", id, change: choose });
        box.checked = isChecked;
        return [box, ui.element("label", { for: id }, box, " " + text)];
      };
      const [script, scriptLabel] = radio("kind-script", "Script, added to each pipeline", true);
      const [config, configLabel] = radio("kind-config", "Whole configuration", false);
      const before = ui.element("select", { id: "before" }, ui.element("option", { value: "" }, "(after all transforms)"));
      const text = ui.element("textarea", { id: "edit", spellcheck: "false", keydown: (pressed) => { if (pressed.key === "Enter" && (pressed.ctrlKey || pressed.metaKey)) run(); } });
      text.value = SCRIPT;
      nodes = {
        script, before, text,
        beforeBox: ui.element("div", {}, ui.element("label", { for: before.id }, "Run before the transform"), before),
        about: ui.element("p", {}),
        label: ui.element("label", { for: text.id }, "Program of builtin:script"),
        run: ui.element("button", { type: "button", id: "run", click: run }, "Run over the frame"),
        status: ui.element("p", { role: "status", id: "run-status" }),
        result: ui.element("div", { id: "result" }),
      };
      content.append(nodes.about,
        ui.element("fieldset", {}, ui.element("legend", {}, "Edit"), scriptLabel, configLabel),
        ui.element("div", { class: "controls" }, nodes.beforeBox),
        nodes.label, text,
        ui.element("div", { class: "controls" }, nodes.run, ui.element("span", { class: "muted" }, "or Ctrl+Enter in the text"), nodes.status),
        ui.element("h3", {}, "Changed events"), nodes.result);
    },
    async refresh() {
      if (texts.config) return;
      const found = await ui.get("configuration");
      texts.config = found.text;
      if (kind() === "config" && !nodes.text.value) nodes.text.value = found.text;
      nodes.about.textContent = "Runs over the chosen frame of " + (found.recording || "the recording of insightctl demo") +
        "; before: " + (found.file || "the built-in pipelines") + ". Nothing is saved or delivered.";
      ui.replace(nodes.before, ui.element("option", { value: "" }, "(after all transforms)"), found.transforms.map((name) => ui.element("option", { value: name }, name)));
    },
  });
})();
