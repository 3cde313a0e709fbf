"""A provider on this machine, whose files, failures and visitors a test decides on."""

import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat


class Provider(ThreadingHTTPServer):
    """Serves `files`; `troubles` come first: a status, or the share of the file that is sent."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.troubles, self.visits, self.redirect = {}, [], [], None

    def url(self, name):
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path[1:]
        self.server.visits.append(name)
        if self.server.redirect is not None:
            self.send_response(302)
            self.send_header("Location", self.server.redirect)
            self.end_headers()
            return
        trouble = self.server.troubles.pop(0) if self.server.troubles else 1.0
        if name not in self.server.files or isinstance(trouble, int):
            self.send_error(trouble if isinstance(trouble, int) else 404)
            return
        content = self.server.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: int(trouble * len(content))])

    def log_message(self, *args):
        pass


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    # Downloads are tried again after seconds.
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.fixture
def provider():
    with Provider() as server:
        # Polls rather than sleeps, so that shutting down takes no time.
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def as_mat():
    def content(**variables):
        stream = io.BytesIO()
        savemat(stream, variables)
        return stream.getvalue()

    return content


@pytest.fixture
def as_tiff():
    def content(array):
        stream = io.BytesIO()
        Image.fromarray(np.asarray(array, dtype=np.uint8)).save(stream, "TIFF")
        return stream.getvalue()

    return content
