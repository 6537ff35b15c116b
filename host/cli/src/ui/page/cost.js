"use strict";

// The cost of monitoring, as `insightctl cost` computes it from the recording.
(() => {
  let node = null;

  const whole = (value) => Math.round(value).toLocaleString("en");
  const size = (value) => ui.value(Math.round(value), "Bytes");
  const money = (value) => (value === null || value === undefined ? "no price" : value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 }));

  function charges(report) {
    const amounts = report.total.money_per_month;
    return Object.keys(amounts).filter((charge) => charge !== "total" && charge !== "known").map((charge) => [charge, money(amounts[charge])])
      .concat([["total", money(amounts.known)]]);
  }

  function prices(report) {
    return Object.entries(report.prices).filter(([, price]) => price && typeof price === "object").map(([charge, price]) => [
      charge, price.unit, price.tiers.map((tier) => tier.price + (tier.up_to ? " up to " + tier.up_to : "")).join(", then "), price.source || "-", price.date || "-"]);
  }

  function report(found) {
    const currency = found.prices.currency;
    return [
      ui.element("p", {}, `${found.recording.file}, ${found.config}. All figures are for ${ui.count(found.nodes, "such node")}.`),
      ui.simpleTable(`Charges of a month, ${currency}`, ["Charge", currency + " a month"], charges(found), [1]),
      ui.simpleTable("Outputs", ["Sink", "Content type", "Payloads a day", "Size a day"],
        found.outputs.map((output) => [output.sink, output.content_type, whole(output.events_per_day), size(output.bytes_per_day)]), [2, 3]),
      found.changes.length > 0 && ui.simpleTable("What a change of the configuration saves", ["Change", "Series", "Size a day", currency + " a month"],
        found.changes.map((change) => [change.change, whole(change.saves.series), size(change.saves.log_bytes_per_day + change.saves.otlp_bytes_per_day), money(change.saves.money_per_month.total)]), [1, 2, 3]),
      ui.simpleTable(`Prices: ${found.prices.name}, ${currency}, from ${found.prices.file}`, ["Charge", "Unit", "Price", "Source", "Date"], prices(found)),
      ui.element("h3", {}, "Notes"),
      ui.element("ul", {}, found.notes.map((note) => ui.element("li", {}, note))),
    ];
  }

  ui.view("cost", "Cost", {
    interval: 2000,
    show(content) {
      node = ui.element("div", {});
      content.append(node);
    },
    async refresh() {
      const found = await ui.get("cost");
      ui.update(node, found, () => {
        switch (found.state) {
          case "done": return report(found.report);
          case "running": return ui.notice("computing: the recording runs once for each change of the configuration", "ok");
          default: return ui.notice(found.reason, found.state === "failed" ? "failing" : "warning");
        }
      });
    },
  });
})();
