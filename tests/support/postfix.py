"""A real Postfix on loopback: its own configuration, queue, data, log and passwords.

Needs root and Debian's packages ``postfix``, ``sasl2-bin`` and ``libsasl2-modules``; skips the
test otherwise and says why. Nothing of the system's own Postfix is read or touched. Several may
run at once. Clients of any address are played through Postfix's XCLIENT (``client=``), or by
connecting from 127.0.0.x (``source=``).
"""

from __future__ import annotations

import json
import os
import smtplib
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.remote import Remote, remote_servers
from tests.support.servers import find_program, free_port, running, wait_for

DOMAIN = "example.org"
HOST = "mail.example.org"

MAIN = """
compatibility_level = 3.6
myhostname = {host}
mydomain = {domain}
myorigin = {domain}
mydestination = localhost
queue_directory = {folder}/spool
data_directory = {folder}/data
maillog_file = {log}
maillog_file_prefixes = {folder}
inet_interfaces = {interfaces}
inet_protocols = ipv4
mynetworks = {networks}
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = regexp:{folder}/etc/mailboxes
virtual_transport = lmtp:inet:{remote_host}:{lmtp_port}
default_transport = smtp
relayhost = {relayhost}
smtp_dns_support_level = disabled
smtp_host_lookup = native
lmtp_dns_support_level = disabled
lmtp_host_lookup = native
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {folder}/etc/sasl
smtpd_sasl_security_options = noanonymous
smtpd_tls_security_level = none
smtp_tls_security_level = none
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_error_sleep_time = 0
smtpd_peername_lookup = {peername}
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
enable_long_queue_ids = {long_ids}
queue_run_delay = {retry}s
minimal_backoff_time = {retry}s
maximal_backoff_time = {retry}s
transport_retry_time = {retry}s
smtp_connect_timeout = 5s
notify_classes =
"""

# chroot is off ("n"): the queue lies in a temporary folder without the files a chroot needs.
MASTER = """
{smtp}         inet  n - n - - smtpd
{submission}   inet  n - n - - smtpd -o syslog_name=postfix/submission
pickup     unix  n - n 60 1 pickup
cleanup    unix  n - n - 0 cleanup
qmgr       unix  n - n 300 1 qmgr
rewrite    unix  - - n - - trivial-rewrite
bounce     unix  - - n - 0 bounce
defer      unix  - - n - 0 bounce
trace      unix  - - n - 0 bounce
verify     unix  - - n - 1 verify
flush      unix  n - n 1000? 0 flush
proxymap   unix  - - n - - proxymap
proxywrite unix  - - n - 1 proxymap
smtp       unix  - - n - - smtp
relay      unix  - - n - - smtp
showq      unix  n - n - - showq
error      unix  - - n - - error
retry      unix  - - n - - error
discard    unix  - - n - - discard
local      unix  - n n - - local
virtual    unix  - n n - - virtual
lmtp       unix  - - n - - lmtp
anvil      unix  - - n - 1 anvil
scache     unix  - - n - 1 scache
postlog    unix-dgram n - n - 1 postlogd
"""


@dataclass
class Postfix:
    """A running Postfix."""

    folder: Path
    smtp_port: int
    submission_port: int
    log: Path
    remote: Remote
    host: str = "127.0.0.1"
    process: subprocess.Popen | None = None

    @property
    def config_directory(self) -> Path:
        return self.folder / "etc"

    @property
    def queue_directory(self) -> Path:
        return self.folder / "spool"

    @property
    def port(self) -> int:
        return self.submission_port

    def lines(self) -> list[str]:
        return self.log.read_text("utf-8", "surrogateescape").splitlines()

    def wait_for_line(self, part: str, seconds: float = 120) -> str:
        """Return the first line of the log that holds ``part``; it is written with some delay."""
        found: list[str] = []
        wait_for(
            lambda: found.extend(x for x in self.lines() if part in x) or found,
            part,
            seconds,
            lambda: "\n".join(self.lines()[-30:]),
        )
        return found[0]

    def command(self, *words: str, text: str = "") -> str:
        """Run a Postfix command (``postqueue``, ``postsuper``, ``postconf``) on this instance."""
        program = find_program(words[0])
        done = subprocess.run(
            [program, "-c", str(self.config_directory), *words[1:]],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def queue(self) -> list[dict]:
        return [json.loads(line) for line in self.command("postqueue", "-j").splitlines()]

    def flush(self) -> None:
        self.command("postqueue", "-f")

    def wait_until_empty(self, seconds: float = 120) -> None:
        wait_for(lambda: not self.queue(), "Postfix's queue to empty", seconds)

    def add_user(self, user: str, password: str) -> None:
        add_user(self.config_directory, user, password)

    def connect(
        self,
        *,
        port: int = 0,
        source: str = "",
        client: str = "",
        name: str = "[UNAVAILABLE]",
        user: str = "",
        password: str = "",
        mechanism: str = "PLAIN",
        helo: str = "client.example.org",
    ) -> smtplib.SMTP:
        """Open a session; ``client`` and ``name`` are what Postfix is told by XCLIENT.

        Raises:
            smtplib.SMTPAuthenticationError: the password is wrong; the session is closed.
        """
        session = smtplib.SMTP(
            self.host,
            port or (self.submission_port if user else self.smtp_port),
            local_hostname=helo,
            source_address=(source, 0) if source else None,
            timeout=120,
        )
        try:
            session.ehlo()
            if client:
                code, reply = session.docmd("XCLIENT", f"NAME={name} ADDR={client}")
                assert code == 220, reply
                session.ehlo()
            if user:
                login(session, user, password, mechanism)
        except BaseException:
            session.close()
            raise
        return session

    def submit(
        self,
        sender: str,
        recipients: Iterable[str],
        *,
        subject: str = "hello",
        body: str = "Good day.\r\n",
        session: smtplib.SMTP | None = None,
        **options: str,
    ) -> dict[str, tuple[int, bytes]]:
        """Send one message in a session of its own, or in ``session``; return what was refused."""
        to = list(recipients)
        text = f"From: <{sender}>\r\nTo: <{to[0]}>\r\nSubject: {subject}\r\n\r\n{body}"
        if session is not None:
            return session.sendmail(sender, to, text.encode())
        with self.connect(**options) as own:
            return own.sendmail(sender, to, text.encode())


def login(session: smtplib.SMTP, user: str, password: str, mechanism: str) -> None:
    """Authenticate with one mechanism; smtplib's own ``login`` would try them all in turn."""
    session.user, session.password = user, password
    method = {"PLAIN": session.auth_plain, "LOGIN": session.auth_login}[mechanism]
    session.auth(mechanism, method, initial_response_ok=mechanism == "PLAIN")


def add_user(config: Path, user: str, password: str) -> None:
    """Add a SASL user ``name@realm`` (or ``name``) to this instance's own sasldb."""
    name, _, realm = user.rpartition("@") if "@" in user else (user, "", "")
    subprocess.run(
        [
            find_program("saslpasswd2"),
            *("-p", "-c", "-f", str(config / "sasldb2")),
            *("-u", realm or DOMAIN),
            name,
        ],
        input=password.encode(),
        check=True,
        capture_output=True,
    )
    os.chmod(config / "sasldb2", 0o644)  # noqa: PTH101 -- smtpd reads it as user postfix


def write_configuration(folder: Path, values: dict[str, object], settings: dict[str, str]) -> None:
    for name in ("etc", "etc/sasl", "spool", "data"):
        (folder / name).mkdir()
    etc = folder / "etc"
    lines = [
        line.split(" =", 1) for line in MAIN.format(folder=folder, **values).split("\n") if line
    ]
    parameters = {name: value.strip() for name, value in lines} | settings
    (etc / "main.cf").write_text("".join(f"{n} = {v}\n" for n, v in parameters.items()))
    (etc / "master.cf").write_text(MASTER.format(**values))
    (etc / "mailboxes").write_text("!/^nobody/ OK\n")
    (etc / "sasl" / "smtpd.conf").write_text(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
        f"mech_list: PLAIN LOGIN\nsasldb_path: {etc}/sasldb2\n"
    )
    subprocess.run(["chown", "postfix", str(folder / "data")], check=True)


@contextmanager
def postfix(
    *,
    users: dict[str, str] | None = None,
    networks: str = "127.0.0.0/8",
    long_ids: bool = True,
    retry: int = 300,
    settings: dict[str, str] | None = None,
    remote: Remote | None = None,
    host: str = "127.0.0.1",
    ports: tuple[int, int] | None = None,
) -> Iterator[Postfix]:
    """Start Postfix, relaying all mail to servers that answer by ``remote.replies``.

    It lies in a temporary folder of its own that user postfix can reach (pytest's are closed to
    other users) and that is gone at the end: copy the log before.

    Args:
        users: SASL users (``name@example.org``) and their passwords.
        networks: ``mynetworks``: clients that relay without SASL.
        long_ids: long queue ids (base 52) or short ones (hexadecimal, reused).
        retry: seconds between two attempts of a deferred message.
        settings: further parameters of ``main.cf``, or other values for those above.
        remote: the world outside, when it is more than the default on loopback.
        host: the address to listen on and to connect to.
        ports: smtp and submission, where free ones are not wanted.
    """
    if os.getuid() != 0:
        pytest.skip("a real Postfix starts as root only: run the tests as root for this one")
    find_program("postfix")
    find_program("saslpasswd2")
    smtp, submission = ports or (free_port(), free_port())
    with remote_servers(remote) as world, tempfile.TemporaryDirectory(prefix="postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        log = folder / "mail.log"
        values = {
            "host": HOST,
            "domain": DOMAIN,
            "log": log,
            "interfaces": host,
            "networks": networks,
            "long_ids": "yes" if long_ids else "no",
            "retry": retry,
            "relayhost": f"[{world.host}]:{world.smtp_port}",
            "remote_host": world.host,
            "lmtp_port": world.lmtp_port,
            "peername": "no",
            "smtp": f"{host}:{smtp}",
            "submission": f"{host}:{submission}",
        }
        write_configuration(folder, values, settings or {})
        for user, password in (users or {}).items():
            add_user(folder / "etc", user, password)
        if not users:
            add_user(folder / "etc", f"unused@{DOMAIN}", os.urandom(8).hex())
        etc = str(folder / "etc")
        server = Postfix(folder, smtp, submission, log, world, host)
        check = subprocess.run(
            ["postfix", "-c", etc, "check"], check=False, capture_output=True, text=True
        )
        assert check.returncode == 0, check.stderr + (log.read_text() if log.exists() else "")
        master = server.command("postconf", "-h", "daemon_directory").strip() + "/master"
        with running([master, "-c", etc, "-d"], folder / "master.out") as process:
            server.process = process
            wait_for(lambda: socket.create_connection((host, smtp), 1).close() is None, "Postfix")
            yield server
