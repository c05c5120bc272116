"""A headless Chromium driven over WebDriver with nothing but the standard
library: https://www.w3.org/TR/webdriver2/ on the loopback interface."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

KEYS = {
    "Escape": "\ue00c", "Enter": "\ue007", "Control": "\ue009",
    "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014",
    "ArrowDown": "\ue015", "Home": "\ue011", "F3": "\ue033", "Tab": "\ue004",
}

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
]


def find():
    """(driver, browser), None for what is absent."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    return shutil.which("chromedriver"), browser


class Browser:
    def __init__(self, driver, browser, arguments=()):
        self.folder = tempfile.mkdtemp(prefix="pystrobe-svg-")
        self.log = open(os.path.join(self.folder, "driver.log"), "w")
        self.process = subprocess.Popen(
            [driver, "--port=0", "--allowed-ips=127.0.0.1"],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.session = None
        try:
            self.base = "http://127.0.0.1:%d" % self.port()
            self.open_session(browser, arguments)
        except BaseException:
            self.close()
            raise

    def port(self):
        for line in self.process.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                return int(found.group(1))
        raise RuntimeError("chromedriver ended without a port")

    def open_session(self, browser, arguments):
        profile = os.path.join(self.folder, "profile")
        options = {
            "binary": browser,
            "args": ARGUMENTS + list(arguments) +
                    ["--user-data-dir=" + profile, "--window-size=1200,900"],
        }
        answer = self.call("POST", "/session", {"capabilities": {
            "alwaysMatch": {"goog:chromeOptions": options,
                            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = "/session/" + answer["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.base + path, data=data, method=method,
            headers={"Content-Type": "application/json"})
        # No proxy between us and the loopback interface.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as e:
            value = json.load(e)["value"]
            raise RuntimeError("%s: %s" % (value["error"], value["message"]))

    def post(self, path, **body):
        return self.call("POST", self.session + path, body)

    def get(self, path):
        return self.call("GET", self.session + path)

    def close(self):
        try:
            if self.session:
                self.call("DELETE", self.session)
        except (OSError, RuntimeError):
            pass
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def open(self, url):
        self.post("/url", url=url)

    def run(self, script, *args):
        return self.post("/execute/sync", script=script, args=list(args))

    def errors(self):
        entries = self.post("/se/log", type="browser")
        return [e["message"] for e in entries if e["level"] == "SEVERE"]

    def size(self, width, height):
        """The window's inside, whatever its frame takes."""
        self.post("/window/rect", width=width, height=height)
        w, h = self.run("return [window.innerWidth, window.innerHeight]")
        self.post("/window/rect", width=2 * width - w, height=2 * height - h)

    def picture(self, path):
        import base64
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.get("/screenshot")))

    def keys(self, *names, held=None):
        actions = [{"type": "keyDown", "value": KEYS[held]}] if held else []
        for name in names:
            for kind in ("keyDown", "keyUp"):
                actions.append({"type": kind, "value": KEYS.get(name, name)})
        if held:
            actions.append({"type": "keyUp", "value": KEYS[held]})
        self.post("/actions", actions=[
            {"type": "key", "id": "keyboard", "actions": actions}])

    def type(self, text):
        self.keys(*text)

    def point(self, x, y, click=False):
        actions = [{"type": "pointerMove", "duration": 0,
                    "x": int(x), "y": int(y), "origin": "viewport"}]
        if click:
            actions += [{"type": "pointerDown", "button": 0},
                        {"type": "pointerUp", "button": 0}]
        self.post("/actions", actions=[
            {"type": "pointer", "id": "mouse", "actions": actions,
             "parameters": {"pointerType": "mouse"}}])

    def until(self, script, *args, seconds=10):
        """Polls until the script gives something true."""
        deadline = time.monotonic() + seconds
        while True:
            value = self.run(script, *args)
            if value or time.monotonic() > deadline:
                return value
            time.sleep(0.02)
