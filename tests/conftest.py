"""One small seeded scene, and a network that cannot be reached."""

import gc
import os
import shutil
import socket
import sys
import tempfile

# There is a worker for each core. Before numpy and torch start their threads, which would compete
# for the cores and take twice the time.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings as hypothesis_settings

# Before anything of hsvlm runs: tests neither read nor fill the user's cache.
os.environ["HSVLM_CACHE_DIR"] = tempfile.mkdtemp(prefix="hsvlm-test-cache-")
os.environ.setdefault("MPLBACKEND", "Agg")


# The first example of a process pays for imports; the same examples run every time.
hypothesis_settings.register_profile("hsvlm", deadline=None, derandomize=True)
# New examples every time, ten times as many, and how to repeat the one that fails.
# Stated, since hypothesis repeats the same examples by default where CI is set.
hypothesis_settings.register_profile(
    "long", deadline=None, max_examples=1000, print_blob=True, derandomize=False
)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "hsvlm"))


def pytest_collection_finish():
    """Leave what is imported by now out of garbage collections: a quarter of the time."""
    gc.collect()
    gc.freeze()


LOCAL_HOSTS = {"127.0.0.1", "::1", "localhost", None}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def refuse(self, address):
        if self.family != socket.AF_UNIX and address[0] not in LOCAL_HOSTS:
            message = f"tests must not use the network: {address}"
            raise OSError(message)
        return connect(self, address)

    # Without a network, names may be looked up for seconds before that fails.
    def refuse_name(host, *args, **kwargs):
        if host not in LOCAL_HOSTS:
            message = f"tests must not use the network: {host}"
            raise socket.gaierror(message)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse_name)


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def no_pictures(monkeypatch):
    """Commands draw nothing, as where the extra `plot` is missing: a picture takes seconds."""
    monkeypatch.setitem(sys.modules, "hsvlm.plotting", None)


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window; tests are skipped where it is not installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is not installed")
    arguments = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run")
    quiet = ("disable-background-networking", "disable-component-update", "disable-sync")
    with playwright.sync_playwright() as driver:
        options = [f"--{argument}" for argument in (*arguments, *quiet)]
        chromium = driver.chromium.launch(executable_path=path, args=options)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, tmp_path):
    """Opens the text of a page, or a file, and fails if it requests anything or has errors."""
    contexts, problems = [], []

    def report_request(request):
        if not request.url.startswith(("file:", "data:", "blob:")):
            problems.append(f"requested {request.url}")

    def open_page(source, **options):
        path = source
        if isinstance(source, str):
            path = tmp_path / f"page-{len(contexts)}.html"
            path.write_text(source, encoding="utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("request", report_request)
        page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: message.type in ("error", "warning") and problems.append(message.text),
        )
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not problems


@pytest.fixture
def registry(monkeypatch):
    """A function that takes names registered by a test out again; runs after the test as well."""
    from hsvlm import vision

    entries = dict(vision._ENCODERS.entries)  # no public way to remove a name

    def reset():
        monkeypatch.setattr(vision._ENCODERS, "entries", dict(entries))

    reset()
    return reset


@pytest.fixture(scope="session")
def cube():
    """Reflectances of 18 x 20 pixels in 12 bands; three classes differ in their first bands."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(18, 20, 12)).astype(np.float32)
    for label in (1, 2, 3):
        values[_label_map() == label, label] += 6
    values.setflags(write=False)
    return values


@pytest.fixture(scope="session")
def labels():
    """Classes 1, 2 and 3 in vertical stripes, with an unlabelled border of two pixels."""
    return _label_map()


@pytest.fixture(scope="session")
def settings():
    """Constructor arguments that train in well under a second."""
    return {
        "text_encoder": np.eye(3, 8, dtype=np.float32),
        "vision_params": {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16},
        "n_components": 6,
        "window_size": 5,
        "patch_size": 1,
        "max_epochs": 8,
        "spatial": None,
        "lr": 5e-3,
        "device": "cpu",
        "random_state": 0,
    }


def _label_map():
    label_map = np.zeros((18, 20), dtype=np.uint8)
    label_map[2:-2, 2:7] = 1
    label_map[2:-2, 7:13] = 2
    label_map[2:-2, 13:18] = 3
    return label_map
