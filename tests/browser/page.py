"""Tests of the page of `insightctl ui` in headless Chromium. page.py [NAME...]: only tests with NAME in their name."""

import json
import os
import subprocess
import sys
import tempfile
import traceback
from urllib.parse import urlsplit

import readable
from agent import Agent
from program import HOSTILE, OUT, PROGRAM, Page, configuration, recording
from webdriver import Driver, wait


def show(driver, page, view):
    driver.open(page.url + "#" + view)
    driver.wait_for(f"#view-{view}:not([hidden])")


def connection(driver):
    return driver.text("#connection-text") or ""


def test_requests_need_token_host_and_origin(driver, directory):
    with Page(recording(directory)) as page:
        status = lambda *arguments: page.request(*arguments)[0].status
        response, _ = page.request("GET", "/")
        assert response.status == 200
        policy = response.getheader("Content-Security-Policy")
        assert policy.startswith("default-src 'none'; script-src 'self';") and "unsafe" not in policy, policy
        assert [response.getheader(name) for name in ("X-Content-Type-Options", "Referrer-Policy", "Cache-Control")] == ["nosniff", "no-referrer", "no-store"]
        for path in ("/", "/page.js", "/api/status", "/api/table?view=pods", "/unknown"):
            assert status("GET", path, {"X-Token": None}) == 403, path
            assert status("GET", path, {"X-Token": "0" * 32}) == 403, path
            assert status("GET", path, {"Host": "evil.example"}) == 403, path
        for path in ("/../Cargo.toml", "/%2e%2e/Cargo.toml", "//etc/passwd", "/ui/page.js", "/api/", "/api/../page.js"):
            assert status("GET", path) == 404, path
        origin = {"Origin": "http://" + page.host}
        run = json.dumps({"kind": "script", "text": ""}).encode()
        assert status("POST", "/api/playground", origin, run) == 200
        assert status("POST", "/api/playground", {}, run) == 403
        assert status("POST", "/api/playground", {"Origin": "http://evil.example"}, run) == 403
        assert status("POST", "/api/playground", origin | {"X-Token": None}, run) == 403
        assert status("POST", "/api/status", origin, run) == 405
        assert status("GET", "/api/playground") == 405
        assert status("DELETE", "/api/status", origin) == 405
        assert status("POST", "/api/playground", origin, b"x" * (600 << 10)) == 413
        assert status("POST", "/api/playground", origin, b"[") == 400
        assert status("GET", "/api/table?view=" + "x" * 20_000) in (400, 414, 431)
    refused = subprocess.run([PROGRAM, "ui", "--listen", "0.0.0.0:0"], capture_output=True, text=True)
    assert refused.returncode == 64 and "only a loopback address is allowed" in refused.stderr, refused.stderr


def test_the_picture_is_the_configuration(driver, directory):
    with Page(recording(directory), "--config", configuration(directory)) as page:
        show(driver, page, "pipeline")
        driver.wait_for("svg[data-pipeline='measured'] [data-part='source/recording']")
        parts = driver.run("return [...document.querySelectorAll('[data-part]')].map((part) => [part.dataset.part, part.querySelector('.title').textContent])")
        expected = {"source/recording", "measured/transform-1", "measured/transform-2", "measured/transform-3", "measured/output-1", "measured/output-2", "sink/events", "sink/stdout"}
        assert {part for part, _ in parts} == expected, parts
        titles = [title for part, title in parts if "/transform-" in part]
        assert titles == ["builtin:decorate", "builtin:utilization", "builtin:script"], titles
        # Source to stage, stages to each other, the last one to both outputs, and each output to its own sink.
        assert driver.run("return document.querySelectorAll('svg .edge').length") == 1 + 2 + 2 + 2
        assert "all parts work" in driver.text("#view-pipeline .notice")


def replayed(file, metric):
    """The values of `insightctl replay`, by pod and time."""
    events = subprocess.run([PROGRAM, "replay", file], check=True, capture_output=True, text=True).stdout
    values = {}
    for event in map(json.loads, filter(None, events.splitlines())):
        if event.get("Type") == "Pod" and metric in event:
            values[f"{event['Namespace']}/{event['PodName']}", int(event["Timestamp"])] = event[metric]
    return values


def test_plots_have_the_values_of_replay(driver, directory):
    metric = "pod_cpu_usage_total"
    file = recording(directory)
    expected = replayed(file, metric)
    with Page(file) as page:
        wait("the recording", lambda: json.loads(page.request("GET", "/api/status")[1])["is_complete"])
        show(driver, page, "plots")
        driver.type("#metric-filter", metric)
        driver.click(f"#view-plots input[type=checkbox][value='{metric}']:not(:checked)")
        driver.wait_for(f"#chart-{metric} table tbody tr:nth-child(3)")
        rows = driver.run(
            "const table = document.querySelector(arguments[0]); const cells = (row) => [...row.cells].map((cell) => cell.textContent);"
            "return [cells(table.tHead.rows[0]), ...[...table.tBodies[0].rows].map(cells)]", f"#chart-{metric} table")
        names, found = rows[0][1:], 0
        times = sorted({time for _, time in expected})
        assert len(rows) - 1 == len(times) == 3, (rows, times)
        for time, row in zip(times, rows[1:]):
            for name, text in zip(names, row[1:]):
                assert float(text) == expected[key(name, expected), time], (name, time, text)
                found += 1
        assert found >= 6, rows
        assert len({row[1] for row in rows[1:]}) == 3, "the frames have different values"
        assert driver.text(f"#chart-{metric} figcaption").startswith(metric)
        assert len(driver.texts(f"#chart-{metric} .legend li")) == len(names)
        # By keyboard: the slider reads out another frame.
        before = driver.texts(f"#chart-{metric} .readout li")
        driver.run("document.getElementById(arguments[0]).focus()", f"chart-{metric}-slider")
        driver.press("\ue012")
        after = wait("another time", lambda: (texts := driver.texts(f"#chart-{metric} .readout li")) != before and texts)
        assert after[0] != before[0] and all(name in text for name, text in zip(names, after[1:])), (before, after)
        # By pointer: over the left edge it is the first frame.
        driver.run("const box = arguments[0].getBoundingClientRect();"
                   "arguments[0].dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + box.width * 0.1, clientY: box.top + 9, bubbles: true}))",
                   driver.find(f"#chart-{metric} > svg"))
        assert driver.run("return document.getElementById(arguments[0]).value", f"chart-{metric}-slider") == "0"
        driver.screenshot("plots")


def key(name, expected):
    """The events name a pod of a workload by the workload."""
    if any(pod == name for pod, _ in expected):
        return name
    namespace, _, pod = name.partition("/")
    fits = {known for known, _ in expected if known.startswith(namespace + "/") and pod.startswith(known.partition("/")[2])}
    assert len(fits) == 1, (name, fits)
    return fits.pop()


def test_the_playground_changes_an_event(driver, directory):
    with Page(recording(directory)) as page:
        show(driver, page, "playground")
        driver.wait_for("#before option[value=utilization]")
        driver.click("#run")
        wait("changes", lambda: "changed" in (driver.text("#counts") or ""))
        assert "0 changed" not in driver.text("#counts"), driver.text("#counts")
        cells = driver.run("return [...document.querySelector('.event[data-change=changed] tbody tr').cells].map((cell) => cell.textContent)")
        assert cells == ["pod_example", "absent", "1"], cells
        driver.screenshot("playground")
        driver.clear("#edit")
        driver.type("#edit", "let a = 1;\nlet b = unknown;")
        driver.click("#run")
        wait("the mistake", lambda: "line 2, column 9" in (driver.text("#problems") or ""))
        driver.click("#problems button")
        assert driver.run("return [document.activeElement.id, document.activeElement.selectionStart]") == ["edit", 19]
        driver.click("#kind-config")
        wait("the configuration", lambda: "builtin:utilization" in driver.run("return document.getElementById('edit').value"))
        driver.click("#run")
        wait("no change", lambda: "; 0 changed, 0 added, 0 removed" in (driver.text("#counts") or ""))
        driver.run("const edit = document.getElementById('edit'); edit.value = edit.value.replace('      - use: builtin:utilization\\n', '')")
        driver.click("#run")
        wait("other events", lambda: (counts := driver.text("#counts") or "") and "; 0 changed" not in counts)


def test_the_cost_is_that_of_the_command(driver, directory):
    file = recording(directory)
    report = json.loads(subprocess.run([PROGRAM, "cost", file, "--format", "json"], check=True, capture_output=True, text=True).stdout)
    with Page(file) as page:
        show(driver, page, "cost")
        wait("the report", lambda: len(driver.find_all("#view-cost table")) == 4)
        rows = driver.run("return [...document.querySelector('#view-cost table').tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent))")
        money = report["total"]["money_per_month"]
        assert ["total", f"{money['known']:,.2f}"] in rows and ["custom_metrics", f"{money['custom_metrics']:,.2f}"] in rows, (rows, money)
        prices = " ".join(driver.texts("#view-cost table:last-of-type td"))
        assert report["prices"]["custom_metrics"]["date"] in prices and report["prices"]["custom_metrics"]["source"] in prices, prices


def test_ten_thousand_pods_are_sorted_and_filtered(driver, directory):
    names = HOSTILE + [f"pod-{index:05}" for index in range(len(HOSTILE), 10_000)]
    agent = Agent(os.path.join(directory, "api.sock"), names)
    with Page("--socket", agent.path, "--interval", "500ms") as page:
        show(driver, page, "pods")
        count = "#view-pods .count"
        wait("all pods", lambda: driver.text(count) == "Rows 1 to 50 of 10,000")
        first = "#table-pods tbody tr:first-child th"
        assert driver.text(first) == "shop/pod-09999", driver.text(first)
        assert len(driver.find_all("#table-pods tbody tr")) == 50
        assert driver.run("return document.querySelector('#table-pods [aria-sort]').dataset.title") == "mCPU"
        driver.click("#table-pods [data-title=MEMORY] button")
        wait("sorted by memory", lambda: driver.run("return document.querySelector('#table-pods [aria-sort=descending]')?.dataset.title") == "MEMORY")
        values = driver.texts("#table-pods tbody tr td:nth-child(3)")
        # Of 10,000 numbers, 19 have the remainder 511, and 20 each have 510 and below.
        expected = [511] * 19 + [510] * 19 + [509] * 12
        assert values == [str(mebibytes * 1_048_576) for mebibytes in expected], values
        driver.screenshot("pods")
        driver.click("#view-pods nav button:last-of-type")
        wait("the last page", lambda: driver.text(count) == "Rows 9,951 to 10,000 of 10,000")
        driver.type("#filter-pods", "pod-0123")
        wait("the filter", lambda: driver.text(count) == "Rows 1 to 10 of 10")
        # Hidden characters are escaped, and markup is text.
        driver.clear("#filter-pods")
        driver.type("#filter-pods", "shop/web")
        wait("the name", lambda: driver.texts("#table-pods tbody th") == ["shop/web\\u{202e}gnp.exe"])
        driver.clear("#filter-pods")
        driver.type("#filter-pods", "img")
        wait("the name", lambda: driver.texts("#table-pods tbody th") == ["shop/" + HOSTILE[1]])
        assert driver.run("return document.querySelectorAll('main img').length") == 0
        # The button of a row leads to its plot.
        driver.click("#table-pods tbody td button")
        driver.wait_for("#view-plots:not([hidden]) figure")
        wait("the plot", lambda: driver.texts("#charts .legend li") == [" shop/" + HOSTILE[1]])
    agent.stop()


def test_the_agent_goes_away_and_comes_back(driver, directory):
    agent = Agent(os.path.join(directory, "api.sock"), ["web"])
    with Page("--socket", "api.sock", "--interval", "200ms", directory=directory) as page:
        show(driver, page, "pipeline")
        wait("the agent", lambda: "the agent responds" in connection(driver))
        # 9,600 events after 9,300 a minute before.
        wait("a rate", lambda: {"300", "events/min"} <= set(driver.texts("svg text")))
        states = driver.run("return Object.fromEntries([...document.querySelectorAll('[data-part]')].map((part) => [part.dataset.part, part.dataset.state]))")
        assert states == {"source/node/kernel": "ok", "source/node/kubelet": "ok", "node/transform-1": "ok", "node/transform-2": "failing", "node/output-1": "ok", "sink/logs": "warning"}, states
        assert "▲ failing: file:team" in driver.text("#view-pipeline .notice")
        assert "\\u{202e}" in driver.text("[data-part='node/transform-2'] title")
        driver.screenshot("pipeline")
        agent.stop()
        wait("the silence", lambda: "no answer since" in connection(driver))
        assert driver.text("#announcement") == "The agent does not respond."
        assert driver.find_all("[data-part='node/transform-1']"), "the last state stays"
        driver.screenshot("silent")
        agent.start()
        wait("the agent again", lambda: "the agent responds" in connection(driver))
        wait("the announcement", lambda: driver.text("#announcement") == "The agent responds.")
        show(driver, page, "rollout")
        wait("the rollout", lambda: "events: 0 instead of 5" in (driver.text("#view-rollout") or ""))
        assert ["canary.share", "0.25"] in driver.run("return [...document.querySelectorAll('#view-rollout tr')].map((row) => [...row.cells].map((cell) => cell.textContent))")
        # The agent's own metrics, with a value that is absent.
        show(driver, page, "plots")
        driver.run("const view = document.getElementById('plot-view'); view.value = 'agent'; view.dispatchEvent(new Event('change'))")
        driver.type("#metric-filter", "ticks_total")
        driver.click("#view-plots input[type=checkbox][value=insightd_ticks_total]")
        driver.wait_for("#chart-insightd_ticks_total tbody tr:nth-child(3)")
        assert driver.texts("#chart-insightd_ticks_total tbody td") == ["8", "absent", "10"]
    agent.stop()


def test_everyone_can_use_the_page(driver, directory):
    agent = Agent(os.path.join(directory, "api.sock"), HOSTILE + ["web"])
    views = {"pipeline": "svg[data-pipeline]", "plots": "figure", "pods": "#table-pods tbody tr", "nodes": "#table-nodes", "sinks": "#table-sinks tbody tr",
             "stages": "#table-stages tbody tr", "rollout": "#view-rollout table", "cost": "#view-cost .notice", "playground": "#before option[value=utilization]"}
    problems = []
    with Page("--socket", agent.path) as page:
        for scheme in ("light", "dark"):
            driver.scheme(scheme)
            for view, selector in views.items():
                show(driver, page, view)
                driver.wait_for(selector)
                problems += readable.check(driver, f"{view} {scheme}")
            driver.screenshot("playground-" + scheme)
        driver.scheme("light")
        show(driver, page, "pipeline")
        driver.open("about:blank")
        show(driver, page, "pipeline")
        driver.press("\ue004")
        assert driver.run("return document.activeElement.className") == "skip" and readable.focus_is_visible(driver)
        driver.press("\ue007", "\ue004")
        assert readable.focus_is_visible(driver), "the focus is visible in the content"
    agent.stop()
    with Page(recording(directory)) as page:
        for scheme in ("light", "dark"):
            driver.scheme(scheme)
            show(driver, page, "cost")
            wait("the report", lambda: len(driver.find_all("#view-cost table")) == 4)
            problems += readable.check(driver, f"report {scheme}")
        driver.scheme("light")
    assert not problems, "\n".join(problems)


def test_the_checks_of_the_page_find_problems(driver, directory):
    with Page(recording(directory)) as page:
        show(driver, page, "pods")
        driver.wait_for("#table-pods tbody tr")
        driver.run("""
            const add = (html) => document.querySelector("main").append(new DOMParser().parseFromString(html, "text/html").body.firstChild);
            add("<button></button>");
            add("<h4>deep</h4>");
            add("<table><tbody><tr><td>x</td></tr></tbody></table>");
            const pale = document.createElement("p");
            pale.textContent = "pale";
            pale.style.color = "#999";
            document.querySelector("main").append(pale);
        """)
        found = "\n".join(readable.check(driver, "broken"))
        for problem in ("control without a name", "heading skips a level: deep", "table without a caption", "row without a head", "contrast 2.85: pale"):
            assert problem in found, (problem, found)
        assert os.environ["AXE"] == "none" or "axe button-name" in found, found


def test_nothing_is_loaded_from_elsewhere(driver, directory):
    recording(directory)
    with Page("node.jsonl", directory=directory) as page:
        show(driver, page, "pods")
        driver.wait_for("#table-pods tbody tr")
        wait("the recording", lambda: "recording read" in connection(driver))
        driver.screenshot("recording")
        loaded = driver.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        assert len(loaded) > 9 and all(urlsplit(url).netloc == page.host for url in loaded), loaded


def main(wanted):
    os.makedirs(OUT, exist_ok=True)
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_") and (not wanted or any(part in name for part in wanted))]
    driver, failed = Driver(OUT), 0
    try:
        for name, test in tests:
            with tempfile.TemporaryDirectory() as directory:
                try:
                    driver.open("about:blank")
                    driver.errors()
                    test(driver, directory)
                    errors = driver.errors()
                    # Requests that a page sent to a program that has ended are no errors of the page.
                    errors = [error for error in errors if "net::ERR_" not in error]
                    assert not errors, "errors of the page: " + "\n".join(errors)
                    print("ok", name, flush=True)
                except Exception:
                    failed += 1
                    driver.screenshot("failed-" + name)
                    print("FAILED", name, flush=True)
                    traceback.print_exc()
    finally:
        driver.close()
    print(f"{len(tests) - failed} passed, {failed} failed")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
