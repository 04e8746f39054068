"""The guard as a process: hostile requests, two of them, its end, a disk that takes nothing."""

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guard.support import RunningGuard, guard
from tests.support.servers import free_port

REQUEST = (
    b"request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nqueue_id=A\ninstance=1\n"
    b"sasl_username=bob\nclient_address=1.2.3.4\nrecipient_count=1\n\n"
)
DUNNO = b"action=DUNNO\n\n"


def ask(port, data=REQUEST, answers=1):
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(data)
        got = b""
        while got.count(b"\n\n") < answers:
            more = sock.recv(65536)
            if not more:
                break
            got += more
        return got


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with guard(tmp_path_factory.mktemp("guard")) as found:
        yield found


@pytest.mark.parametrize(
    "data",
    [b"x" * (3 << 20), b"\n" * 100_000, b"a=b\n" * 1_000_000, bytes(range(256)) * 4000 + b"\n\n"],
)
def test_what_is_no_request_is_closed_and_others_are_answered(running, data):
    with contextlib.suppress(ConnectionError):  # closed while it was still being sent
        assert DUNNO not in ask(running.port, data)
    assert ask(running.port) == DUNNO


def test_pipelined_requests_and_many_connections_are_answered(running):
    assert ask(running.port, REQUEST * 200, 200) == DUNNO * 200
    socks = [socket.create_connection(("127.0.0.1", running.port), 10) for _ in range(200)]
    for sock in socks:
        sock.sendall(REQUEST)
    for sock in socks:
        assert sock.recv(100) == DUNNO
        sock.close()
    assert ask(running.port, b"sasl_username=\xff\xfe\n\n") == DUNNO


def second(running, *arguments):
    return subprocess.run(
        [
            *(sys.executable, "-m", "bmtick", "guard", "--config", str(running.config)),
            *("--listen", f"inet:127.0.0.1:{running.port}", *arguments),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_second_guard_on_the_port_or_the_state_ends_with_a_clear_error(running, tmp_path):
    state = second(running)
    assert (state.returncode, "another guard runs with the state" in state.stderr) == (2, True)
    port = second(running, "--state", str(tmp_path / "other.state"))
    assert (port.returncode, "cannot listen on" in port.stderr) == (2, True)
    assert "Traceback" not in state.stderr + port.stderr
    assert ask(running.port) == DUNNO


def test_it_ends_cleanly_and_answers_on_a_unix_socket_that_was_left_over(tmp_path):
    path = tmp_path / "socket"
    for end in (signal.SIGKILL, signal.SIGTERM):
        found = RunningGuard(tmp_path / "g", free_port(), "--listen", f"unix:{path}")
        found.start()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(REQUEST)
            assert sock.recv(100) == DUNNO
        found.process.send_signal(end)
        assert found.process.wait(120) == (-end if end == signal.SIGKILL else 0)
    assert "Traceback" not in found.said


def test_a_log_that_is_not_there_is_told(running):
    assert "mail.log" in running.said or Path("/var/log/mail.log").exists()
