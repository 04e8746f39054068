"""The HTTP client: credentials, redirects, retries, pages, what messages show."""

import base64
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bmtick.deploy.client import KapacitorError, connect
from bmtick.errors import BmtickError
from bmtick.httpclient import HttpClient
from bmtick.settings import Kapacitor
from tests.support.fake_kapacitor import fake_kapacitor

PING = ("GET", "/kapacitor/v1/ping")


@pytest.fixture
def fake():
    with fake_kapacitor() as server:
        yield server


def header(fake) -> str:
    return fake.requests[-1][2].get("Authorization", "")


def test_basic_from_the_environment_in_utf8(fake):
    environment = {"BMTICK_KAPACITOR_USERNAME": "jürgen", "BMTICK_KAPACITOR_PASSWORD": "pä:ss"}
    connect("default", Kapacitor(url=fake.url), environment).version()
    assert header(fake) == "Basic " + base64.b64encode("jürgen:pä:ss".encode()).decode()


def test_a_servers_own_variable_comes_first(fake):
    environment = {"BMTICK_KAPACITOR_TOKEN": "general", "BMTICK_KAPACITOR_EDGE_1_TOKEN": "own"}
    connect("edge-1", Kapacitor(url=fake.url), environment).version()
    assert header(fake) == "Bearer own"


def test_a_secret_file_must_be_0600(fake, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("t0ken\n")
    secret.chmod(0o640)
    with pytest.raises(BmtickError, match="others may read"):
        connect("default", Kapacitor(url=fake.url, secret_file=str(secret)), {"x": ""})
    secret.chmod(0o600)
    connect("default", Kapacitor(url=fake.url, secret_file=str(secret)), {"x": ""}).version()
    assert header(fake) == "Bearer t0ken"
    named = Kapacitor(url=fake.url, secret_file=str(secret), username="admin")
    connect("default", named, {"x": ""}).version()
    assert base64.b64decode(header(fake).split()[1]) == b"admin:t0ken"


def test_no_message_shows_a_secret(fake):
    url = fake.url.replace("http://", "http://admin:s3cret@")
    fake.answers[PING] = [(401, {}, {"error": "no"})]
    with pytest.raises(KapacitorError) as caught:
        connect("default", Kapacitor(url=url), {"x": ""}).version()
    assert "s3cret" not in str(caught.value)
    assert base64.b64decode(header(fake).split()[1]) == b"admin:s3cret"
    gone = Kapacitor(url="http://admin:s3cret@127.0.0.1:1")
    with pytest.raises(KapacitorError) as caught:
        connect("default", gone, {"BMTICK_KAPACITOR_TOKEN": "t0ken"}).version()
    assert "s3cret" not in str(caught.value)
    assert "t0ken" not in repr(caught.value)


def test_netrc_and_proxies_are_not_asked(fake, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    connect("default", Kapacitor(url=fake.url), {"x": ""}).version()
    assert header(fake) == ""


def test_redirects_across_hosts_are_refused(fake):
    fake.answers[PING] = [(302, {"Location": "http://evil.example/kapacitor/v1/ping"}, None)]
    with pytest.raises(KapacitorError, match=r"redirects to http://evil\.example: not followed"):
        connect("default", Kapacitor(url=fake.url), {"x": ""}).version()
    fake.answers[PING] = [(307, {"Location": "/kapacitor/v1/ping"}, None)]
    assert connect("default", Kapacitor(url=fake.url), {"x": ""}).version() == "1.6.5"


def test_a_base_path_of_a_proxy():
    with fake_kapacitor("/tick/kap") as fake:
        assert connect("default", Kapacitor(url=fake.url + "/"), {"x": ""}).version() == "1.6.5"
        assert fake.requests[-1][1] == "/tick/kap/kapacitor/v1/ping"


def test_only_idempotent_requests_are_repeated(fake):
    client = HttpClient(fake.url, sleep=lambda _: None)
    fake.answers[PING] = [(500, {}, {"error": "x"})] * 2
    client.request("GET", "/kapacitor/v1/ping")
    assert len(fake.requests) == 3
    fake.requests.clear()
    fake.answers["POST", "/kapacitor/v1/tasks"] = [(503, {}, {"error": "busy"})] * 2
    with pytest.raises(KapacitorError) as caught:
        client.request("POST", "/kapacitor/v1/tasks", json={})
    assert (len(fake.requests), caught.value.uncertain) == (1, True)


@pytest.mark.parametrize("longest", [10**6, 7])
def test_every_page_is_read(fake, longest):
    """Also from a server that gives shorter pages than asked."""
    fake.longest_page = longest
    fake.tasks = {f"bmtick-{i:03}": {"id": f"bmtick-{i:03}", "script": ""} for i in range(250)}
    client = connect("default", Kapacitor(url=fake.url), {"x": ""})
    assert [t.id for t in client.list_tasks("bmtick-*")] == sorted(fake.tasks)


def test_what_is_no_kapacitor(fake):
    fake.answers["GET", "/kapacitor/v1/tasks"] = [(200, {}, ["x"])]
    with pytest.raises(KapacitorError, match="did not answer"):
        connect("default", Kapacitor(url=fake.url), {"x": ""}).list_tasks("*")


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.send_header("X-Kapacitor-Version", "1.7.0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def tls(tmp_path):
    """A server whose certificate is of a private CA, and which wants one of its clients."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl on this machine")
    names = {"server": "127.0.0.1", "client": "admin"}
    run = lambda *c: subprocess.run(["openssl", *c], check=True, cwd=tmp_path, capture_output=True)  # noqa: E731
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
        "-subj", "/CN=ca", "-days", "2")  # fmt: skip
    for name, common in names.items():
        (tmp_path / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", "csr",
            "-subj", f"/CN={common}")  # fmt: skip
        run("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", f"{name}.pem", "-days", "2", "-extfile", "ext")  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    context.load_verify_locations(tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    server = HTTPServer(("127.0.0.1", 0), _Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", tmp_path
    server.shutdown()
    server.server_close()


def test_a_private_ca_and_a_client_certificate(tls):
    url, folder = tls
    files = {"client_cert": str(folder / "client.pem"), "client_key": str(folder / "client.key")}
    whole = Kapacitor(url=url, ca_file=str(folder / "ca.pem"), **files)
    assert connect("default", whole, {"x": ""}).version() == "1.7.0"
    with pytest.raises(KapacitorError, match="certificate"):
        connect("default", Kapacitor(url=url, **files), {"x": ""}).version()
    with pytest.raises(BmtickError, match="cannot read"):
        connect("default", Kapacitor(url=url, ca_file="/nonesuch"), {"x": ""})
