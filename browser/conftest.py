"""What the tests in a browser use: Chromium, the site on a local server, JupyterLab on copies of chapters.

A test asks for `visit` and gets pages of the site, or for `lab` and gets notebooks in JupyterLab:

    def test_a_page(visit):
        page = visit("03_stride.html", theme="dark")

    def test_a_notebook(lab):
        page = lab.open("03_stride.ipynb")
        lab.run_all()

Both end with an error if the browser noticed one: a message in the console, a file that isn't there, a
request to another computer.
"""

from __future__ import annotations

import functools
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import nbformat
import pytest
from chromium import chromium
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    ViewportSize,
    expect,
)

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build" / "book"

DESKTOP = ViewportSize(width=1280, height=900)

NO_SITE = "There is no site yet: make book"


# --- Chromium -----------------------------------------------------------------------------------


@pytest.fixture(scope="session", name="chromium")
def start_chromium() -> Iterator[Browser]:
    missing = ""
    try:
        with chromium() as browser:
            yield browser
    except FileNotFoundError as error:
        missing = str(error)
    if missing:
        pytest.fail(missing, pytrace=False)


class Faults(list[str]):
    """What a browser noticed on pages of one server that none of them should do."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        super().__init__()
        self.server = urlsplit(address).netloc
        context.on("console", self.message)
        context.on("weberror", lambda fault: self.append(f"error: {fault.error}"))
        context.on("request", self.request)
        context.on("requestfailed", lambda request: self.append(f"no answer: {request.url}"))
        context.on("response", self.response)

    def message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.append(f"console: {message.text}")

    def request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != self.server:
            self.append(f"asks another computer: {request.url}")

    def response(self, response: Response) -> None:
        if response.status >= 400:
            self.append(f"{response.status}: {response.url}")


# --- the site -----------------------------------------------------------------------------------


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Write no line for each file."""


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of the site."""
    if not (SITE / "index.html").is_file():
        pytest.fail(NO_SITE, pytrace=False)
    handler = functools.partial(Quiet, directory=SITE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Visit:
    """Opens pages of the site."""

    def __init__(self, chromium: Browser, site: str) -> None:
        self.chromium, self.site = chromium, site
        self.contexts: list[BrowserContext] = []
        self.faults: list[Faults] = []

    def __call__(self, address: str, theme: str = "light", size: ViewportSize = DESKTOP) -> Page:
        """Open a page and wait until its formulas are set.

        `theme` is "light" or "dark", as the reader's system has it; `size` is that of the window.
        """
        context = self.chromium.new_context(color_scheme=theme, viewport=size, reduced_motion="reduce")
        self.contexts.append(context)
        self.faults.append(Faults(context, self.site))
        page = context.new_page()
        page.goto(f"{self.site}/{address}")
        page.evaluate("window.MathJax?.startup?.promise")
        return page

    def noticed(self) -> list[str]:
        """The faults since the last call."""
        found = [fault for faults in self.faults for fault in faults]
        self.faults.clear()
        return found


@pytest.fixture
def visit(chromium: Browser, site: str) -> Iterator[Visit]:
    visit = Visit(chromium, site)
    yield visit
    noticed = visit.noticed()
    for context in visit.contexts:
        context.close()
    assert not noticed


# --- JupyterLab ---------------------------------------------------------------------------------

# Nothing that a user of this machine has set, and no question about news: it would ask another computer.
SETTINGS = {"apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}'}
PATIENCE = 120  # seconds to start JupyterLab or to open a notebook, on a slow machine


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab on copies of the chapters without outputs, which gets the sample data."""
    home = tmp_path_factory.mktemp("lab")
    notebooks = home / "notebooks"
    notebooks.mkdir()
    for file in (ROOT / "notebooks").glob("*.ipynb"):
        nbformat.write(without_outputs(file), notebooks / file.name)
    for name, text in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
    folders = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "ServerApp.root_dir": notebooks,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": "",
        "ServerApp.disable_check_xsrf": True,  # so that a test can end its kernels
        # A server whose tests were killed ends by itself.
        "MappingKernelManager.cull_idle_timeout": 900,
        "ServerApp.shutdown_no_activity_timeout": 900,
    }
    command = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    environment = {
        **os.environ,
        "D2LMINI_DATA": "sample",
        **{name: str(path) for name, path in folders.items()},
    }
    with (home / "log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{port}"
        if not answers(f"{address}/api/status", server):
            pytest.fail(
                f"JupyterLab didn't start:\n{(home / 'log').read_text(encoding='utf-8')}", pytrace=False
            )
        yield address
    finally:
        server.terminate()  # then it ends its kernels
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()  # and a kernel ends by itself when its server is gone
            server.wait()


def without_outputs(file: Path) -> nbformat.NotebookNode:
    """A notebook as if it had never been run, so that an output can only come from a run."""
    notebook = nbformat.read(file, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def answers(address: str, server: subprocess.Popen[bytes]) -> bool:
    """Whether a server answers in time; not if its process has ended."""
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        try:
            return urlopen(address).status == 200
        except URLError:
            time.sleep(0.1)
    return False


@dataclass
class Lab:
    """JupyterLab in a browser."""

    page: Page
    address: str

    def open(self, name: str) -> Page:
        """Open a chapter, and wait until all its cells and its kernel are there."""
        self.page.goto(f"{self.address}/lab/tree/{name}?reset")
        cells = nbformat.read(ROOT / "notebooks" / name, as_version=4).cells
        expect(self.page.locator(".jp-Notebook .jp-Cell")).to_have_count(len(cells), timeout=PATIENCE * 1000)
        # The notebook's own mark says Idle before there is a kernel.
        self.page.locator("#jp-main-statusbar").get_by_text(re.compile(r"Python 3.* \| Idle")).wait_for()
        return self.page

    def run_all(self, patience: float = PATIENCE) -> None:
        """Choose Run All Cells from the menu, and wait until all have run; so many seconds at most."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        tooltip = self.page.locator(".jp-NotebookPanel .jp-Notebook-ExecutionIndicator-tooltip")
        done = re.compile(r"Kernel status: Idle\s*Executed \d+ cells")
        expect(tooltip).to_have_text(done, timeout=patience * 1000)


@pytest.fixture
def lab(chromium: Browser, lab_server: str) -> Iterator[Lab]:
    context = chromium.new_context(viewport=DESKTOP)
    context.set_default_timeout(PATIENCE * 1000)
    faults = Faults(context, lab_server)
    yield Lab(context.new_page(), lab_server)
    noticed = list(faults)
    kernels = f"{lab_server}/api/kernels"
    for kernel in context.request.get(kernels).json():
        context.request.delete(f"{kernels}/{kernel['id']}")
    context.close()
    assert not noticed
