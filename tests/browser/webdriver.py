"""A client of WebDriver (W3C) for chromedriver, with the few commands that the tests need."""

import base64
import http.client
import json
import os
import re
import subprocess
import time

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
PATIENCE = 60


class Failed(Exception):
    pass


def wait(what, poll, patience=PATIENCE):
    """Polls until the result is true; the time is only a bound for a test that fails."""
    end = time.monotonic() + patience
    while True:
        result = poll()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.1)


class Driver:
    """chromedriver with one session of headless Chromium."""

    def __init__(self, directory):
        log = open(os.path.join(directory, "chromedriver.log"), "w")
        self.process = subprocess.Popen([os.environ["DRIVER"], "--port=0"], stdout=subprocess.PIPE, stderr=log, text=True)
        for line in self.process.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise Failed("chromedriver does not start: see target/browser/chromedriver.log")
        self.directory = directory
        options = {
            "binary": os.environ["BROWSER"],
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,900", "--force-device-scale-factor=1"],
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = None
        created = self.command("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = created["sessionId"]

    def command(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        path = path if self.session is None else f"/session/{self.session}{path}"
        data = json.dumps(body or {}) if method == "POST" else None
        connection.request(method, path, data, {"Content-Type": "application/json"})
        value = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(value, dict) and "error" in value:
            raise Failed(f"{path}: {value['error']}: {value['message'].splitlines()[0]}")
        return value

    def close(self):
        try:
            self.command("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait()

    def open(self, url):
        self.command("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        return self.command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        return self.command("POST", "/element", {"using": "css selector", "value": selector})

    def find_all(self, selector):
        return self.command("POST", "/elements", {"using": "css selector", "value": selector})

    def wait_for(self, selector):
        return wait(selector, lambda: next(iter(self.find_all(selector)), None))

    def text(self, selector):
        """The text of the first match, whether it is visible or not; None without a match."""
        return self.run("return document.querySelector(arguments[0])?.textContent ?? null", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)", selector)

    def click(self, selector):
        self.command("POST", f"/element/{self.wait_for(selector)[ELEMENT]}/click")

    def type(self, selector, text):
        self.command("POST", f"/element/{self.wait_for(selector)[ELEMENT]}/value", {"text": text})

    def clear(self, selector):
        self.command("POST", f"/element/{self.wait_for(selector)[ELEMENT]}/clear")

    def press(self, *keys):
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.command("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def label(self, element):
        """The accessible name that the browser computes."""
        return self.command("GET", f"/element/{element[ELEMENT]}/computedlabel")

    def devtools(self, command, **parameters):
        return self.command("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def scheme(self, name):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def errors(self):
        """Errors of scripts, and violations of the content security policy, since the last call."""
        return [entry["message"] for entry in self.command("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def screenshot(self, name):
        with open(os.path.join(self.directory, name + ".png"), "wb") as file:
            file.write(base64.b64decode(self.command("GET", "/screenshot")))
