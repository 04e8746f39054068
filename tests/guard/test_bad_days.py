"""Whatever is wrong with the guard, a real Postfix takes and delivers mail, and it is told."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.guard.support import asking, guard
from tests.support.postfix import postfix
from tests.support.servers import free_port, wait_for

BOB = "bob@example.org"


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def server(port):
    with postfix(users={BOB: "secret"}, settings=asking(port)) as running:
        yield running


@pytest.fixture
def goes(server):
    """Return what sends a mail and waits until it is delivered."""
    numbers = iter(range(100))

    def send():
        to = f"to{next(numbers)}@example.net"
        refused = server.submit(BOB, [to], user=BOB, password="secret")
        assert not refused
        wait_for(lambda: (BOB, [to]) in server.remote.accepted, "the mail")

    yield send
    server.remote.accepted.clear()


def options(server):
    return [
        "--mode",
        "hold",
        "--log",
        str(server.log),
        "--config-dir",
        str(server.config_directory),
    ]


def hold_bob(running, server):
    """Let the guard have something to write."""
    subprocess.run(
        [
            *(sys.executable, "-m", "bmtick", "hold", BOB, "--config", str(running.config)),
            *("--config-dir", str(server.config_directory)),
        ],
        check=True,
        capture_output=True,
    )


@contextmanager
def full_disk(folder):
    """Mount a disk of a few pages and fill it."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False
    )
    if mounted.returncode:
        pytest.skip("a disk of the test's own cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return


def test_a_guard_that_hangs_delays_mail_and_no_more(server, port, tmp_path, goes):
    with guard(tmp_path / "g", *options(server), port=port) as running:
        goes()
        running.process.send_signal(signal.SIGSTOP)
        try:
            goes()
        finally:
            running.process.send_signal(signal.SIGCONT)
        goes()


def test_hostile_requests_beside_postfixs_own(server, port, tmp_path, goes):
    hostile = [
        b"x" * 5_000_000,
        b"request=smtpd_access_policy\n\n" * 1000,
        b"\n\n\n\n",
        b"\0\0\0\x05O",
        b"\0\xff\xff\xff" * 1000,
        bytes(range(256)) * 100,
        b"request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nsasl_username=\xff\xfe'\"\n\n",
    ]
    with guard(tmp_path / "g", *options(server), port=port) as running:
        open_ = []
        for data in hostile:
            sock = socket.create_connection(("127.0.0.1", port))
            open_.append(sock)  # none is closed by this side
            try:
                sock.sendall(data)
            except OSError:
                continue  # the guard closed it
            goes()
        assert "connection closed" in running.said
        assert running.process.poll() is None
        for sock in open_:
            sock.close()


def test_a_state_of_another_version(server, port, tmp_path, goes):
    folder = tmp_path / "g"
    folder.mkdir()
    (folder / "guard.state").write_text('{"bmtick":"guard","version":0}\n{"hold":"old"}\n')
    (folder / "guard.memory").write_text('{"bmtick":"guard memory","version":0}\n')
    with guard(folder, *options(server), port=port) as running:
        goes()
        assert "put aside as" in running.said
        assert "guard.memory cannot be used, learning again" in running.said
        assert (folder / "guard.state.damaged").exists()


def test_a_log_that_is_not_there_and_comes_later(server, port, tmp_path, goes):
    log = tmp_path / "later.log"
    arguments = [*options(server), "--log", str(log)]
    arguments.remove(str(server.log))
    arguments.remove("--log")
    with guard(tmp_path / "g", *arguments, port=port) as running:
        goes()
        wait_for(lambda: str(log) in running.said, "the guard to tell")
        os.link(server.log, log)
        goes()


def test_a_disk_that_is_full(server, port, tmp_path, goes):
    folder = tmp_path / "disk"
    with full_disk(folder):
        config = tmp_path / "bmtick.toml"
        text = f'[guard]\nstate = "{folder}/guard.state"\npoints = "{folder}/points.json"\n'
        config.write_text(text)
        with guard(tmp_path / "g", *options(server), port=port, config=text) as running:
            hold_bob(running, server)
            fill(folder)
            submitted = server.submit(BOB, ["held@example.net"], user=BOB, password="secret")
            assert not submitted  # who was held stays held, and mail is not refused
            wait_for(lambda: any(m["queue_name"] == "hold" for m in server.queue()), "the hold")
            wait_for(lambda: "cannot write" in running.said, "the guard to tell")
            assert running.process.poll() is None
        server.command("postsuper", "-d", "ALL")


def test_a_disk_that_is_read_only(port, tmp_path, goes):
    folder = tmp_path / "disk"
    with full_disk(folder):
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        started = subprocess.run(
            [
                *(sys.executable, "-m", "bmtick", "guard", "--state", f"{folder}/guard.state"),
                *("--listen", f"inet:127.0.0.1:{port}", "--log", "/nowhere"),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        assert started.returncode == 2
        assert "cannot write" in started.stderr
        assert "Read-only" in started.stderr
        goes()


def test_a_second_guard_leaves_the_first_alone(server, port, tmp_path, goes):
    with guard(tmp_path / "g", *options(server), port=port) as running:
        second = subprocess.run(
            [
                *(sys.executable, "-m", "bmtick", "guard", "--config", str(running.config)),
                *("--listen", f"inet:127.0.0.1:{port}"),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        assert second.returncode == 2
        assert "another guard" in second.stderr
        goes()
