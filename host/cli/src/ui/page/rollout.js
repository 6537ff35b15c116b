"use strict";

// The rollout of pipelines and components.
(() => {
  let node = null;
  ui.view("rollout", "Rollout", {
    interval: 5000,
    show(content) {
      node = ui.element("div", {});
      content.append(node);
    },
    async refresh() {
      const found = await ui.get("rollout");
      ui.update(node, found, () => [
        found.note && ui.notice(found.note, "warning"),
        found.facts.length > 0 && ui.simpleTable("State of the bundle in the files, and of the running one", ["Fact", "Value"],
          found.facts.map((fact) => [fact.name, ui.element("span", { class: fact.is_bad ? "bad" : null }, (fact.is_bad ? "▲ " : "") + fact.value)])),
        found.all.length > 0 && ui.element("h3", {}, "All fields of the agent's status"),
        found.all.length > 0 && ui.simpleTable("Rollout, canary and shadow run, as in /status", ["Field", "Value"], found.all.map((fact) => [fact.name, fact.value])),
      ]);
    },
  });
})();
