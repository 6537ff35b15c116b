"""Checks that a page can be used by keyboard and with a screen reader, and read by everyone.

They are not all of WCAG 2.2: names of controls (4.1.2), headings and landmarks (1.3.1), heads of tables (1.3.1), contrast of text (1.4.3), focus (2.4.7),
language and title (3.1.1, 2.4.2). With axe-core, its rules run besides.
"""

import os

CONTROLS = "main a, nav a, .skip, button, input, select, textarea, summary, [tabindex='0']"

STRUCTURE = """
const problems = [];
const is_visible = (node) => node.checkVisibility({ visibilityProperty: true });
if (!document.documentElement.lang) problems.push("no language");
if (!document.title) problems.push("no title");
for (const landmark of ["header", "nav", "main"]) if (!document.querySelector(landmark)) problems.push("no " + landmark);
if (document.querySelectorAll("main").length !== 1 || document.querySelectorAll("h1").length !== 1) problems.push("not one main and h1");
let level = 0;
for (const head of [...document.querySelectorAll("h1, h2, h3, h4")].filter(is_visible)) {
  const next = Number(head.tagName[1]);
  if (next > level + 1) problems.push("heading skips a level: " + head.textContent);
  level = next;
}
for (const table of [...document.querySelectorAll("table")].filter(is_visible)) {
  if (!table.caption) problems.push("table without a caption");
  for (const head of table.querySelectorAll("th")) if (!head.scope) problems.push("head without a scope: " + head.textContent);
  for (const row of table.querySelectorAll("tbody tr")) if (!row.querySelector("th")) problems.push("row without a head");
}
for (const picture of [...document.querySelectorAll("svg[role=img]")].filter(is_visible)) if (!picture.getAttribute("aria-label")) problems.push("picture without a name");
if (!document.querySelector("[aria-live=polite]")) problems.push("no live region");
const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => problems.push("id twice: " + id));
return problems;
"""

CONTRAST = """
const problems = [];
const channels = (text) => { const found = text.match(/[\\d.]+/g).map(Number); return found.length < 4 ? [...found, 1] : found; };
const luminance = (color) => {
  const [r, g, b] = color.slice(0, 3).map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const back = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const box = at.tagName === "g" ? at.querySelector("rect") : null;
    const color = channels(box ? getComputedStyle(box).fill : getComputedStyle(at).backgroundColor);
    if (color[3] === 1 && (box || !(at instanceof SVGElement))) return color;
  }
  return channels(getComputedStyle(document.documentElement).backgroundColor);
};
let checked = 0;
for (const node of document.querySelectorAll("body *")) {
  const has_text = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim());
  // WCAG exempts controls that are disabled.
  if (!has_text || node.disabled || !node.checkVisibility() || ["title", "option", "SCRIPT", "NOSCRIPT"].includes(node.tagName)) continue;
  const style = getComputedStyle(node);
  const [text, behind] = [luminance(channels(node instanceof SVGElement ? style.fill : style.color)), luminance(back(node))];
  const contrast = (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
  checked += 1;
  if (contrast < 4.5) problems.push(contrast.toFixed(2) + ": " + node.textContent.slice(0, 40));
}
return { problems: problems.slice(0, 20), checked };
"""

AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then((found) => done(found.violations.map((one) => one.id + ": " + one.help + ": " + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join(" | "))), (error) => done([String(error)]));
"""


def check(driver, name):
    """Returns the problems of what is shown."""
    problems = driver.run(STRUCTURE)
    for element in driver.find_all(CONTROLS):
        is_visible = driver.run("return arguments[0].checkVisibility()", element)
        if is_visible and not driver.label(element).strip():
            problems.append("control without a name: " + driver.run("return arguments[0].outerHTML.slice(0, 100)", element))
    contrast = driver.run(CONTRAST)
    assert contrast["checked"] > 5, "the check of contrast sees no text"
    problems += ["contrast " + problem for problem in contrast["problems"]]
    if os.environ["AXE"] != "none":
        if not driver.run("return typeof axe === 'object'"):
            with open(os.environ["AXE"]) as file:
                driver.run(file.read() + "\nwindow.axe = axe;")
        problems += ["axe " + problem for problem in driver.command("POST", "/execute/async", {"script": AXE, "args": []})]
    return [f"{name}: {problem}" for problem in problems]


def focus_is_visible(driver):
    """Returns true if the focused element has an outline."""
    return driver.run("const style = getComputedStyle(document.activeElement); return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;")


