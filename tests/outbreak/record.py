"""Play the staged outbreak into a real Postfix and keep its log: ``examples/outbreak``.

Run as root in a clone: ``python -m tests.outbreak.record examples/outbreak`` (7 minutes). Postfix, clients and
all other mail servers run in network, mount and host name spaces of their own, on the addresses
of the scenario: nothing leaves the machine, nothing of the system is changed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.outbreak import scenario
from tests.outbreak.scenario import Scenario, Session
from tests.support.postfix import Postfix, postfix
from tests.support.remote import Remote, Reply, remote_servers
from tests.support.servers import wait_for

PASSWORD = "right"
PEERS = scenario.REMOTE | scenario.FORGED
COMMON = (Reply(r"^unknown", "550 5.1.1 <RECIPIENT>: Recipient address rejected: User unknown"),)
# What each remote server answers beside COMMON; the texts are those of real servers.
ANSWERS = {
    "partner.example": (
        Reply(
            r"^[ab]\.", "450 4.2.0 <RECIPIENT>: Recipient address rejected: Greylisted", attempts=1
        ),
    ),
    "customer.example": (),
    "bigmail.example": (
        Reply(
            r"^v\.",
            "421 4.7.28 [192.0.2.25] Our system has detected an unusual rate of unsolicited mail "
            "originating from your IP address. To protect our users from spam, mail sent from your "
            "IP address has been temporarily rate limited.",
            "data",
        ),
    ),
    "webpost.example": (
        Reply(
            r"^[cdefg]\.\d*[02468]@",
            "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using "
            "zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.25",
            after=75,  # once the outbreak is under way, the block list has it
        ),
    ),
    "university.example": (
        Reply(r"^full", "452 4.2.2 <RECIPIENT>: The recipient's mailbox is over quota"),
    ),
}


def enter_namespaces(arguments: list[str]) -> int:
    """Run this module again where 192.0.2.0/24 and the others are local addresses."""
    return subprocess.run(
        [
            *("unshare", "--net", "--mount", "--uts", "--"),
            *(sys.executable, "-m", "tests.outbreak.record", "--inside", *arguments),
        ],
        check=False,
    ).returncode


def prepare_namespaces(folder: Path) -> None:
    """Bring up the addresses and the names of the scenario, in this process's namespaces only."""
    run = ["ip", "link", "set", "lo", "up"]
    subprocess.run(run, check=True)
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"):
        subprocess.run(["ip", "route", "add", "local", network, "dev", "lo"], check=True)
    # Postfix wants to find its own address on an interface, a route is not enough.
    subprocess.run(["ip", "address", "add", f"{scenario.SERVER}/32", "dev", "lo"], check=True)
    subprocess.run(["hostname", "mail"], check=True)
    hosts = {
        "127.0.0.1": "localhost",
        scenario.SERVER: "mail.example.org mail",
        scenario.MAILBOXES: "mailboxes.example.org",
        scenario.WEBMAIL: "webmail.example.org",
        scenario.GATEWAY: "gateway.example.org",
        scenario.BULLETIN: "bulletin.example.org",
        **{address: name for name, address in PEERS.values()},
    }
    (folder / "hosts").write_text("".join(f"{a} {n}\n" for a, n in hosts.items()))
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    for name in ("hosts", "nsswitch.conf"):
        subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True)


class Player:
    """Plays sessions in time and counts what Postfix accepted."""

    def __init__(self, server: Postfix) -> None:
        self.server = server
        self.lock = threading.Lock()
        self.users: dict[str, Counter] = defaultdict(Counter)
        self.user_clients: dict[str, set[str]] = defaultdict(set)
        self.clients: dict[str, Counter] = defaultdict(Counter)
        self.failures: Counter = Counter()
        self.roles: Counter = Counter()
        self.problems: list[str] = []

    def play(self, sessions: list[Session], speed: float) -> None:
        start = time.monotonic()
        with ThreadPoolExecutor(24) as pool:
            for session in sessions:
                time.sleep(max(0.0, session.at / speed - (time.monotonic() - start)))
                pool.submit(self.guarded, session)

    def guarded(self, session: Session) -> None:
        try:
            self.one(session)
        except Exception as error:  # noqa: BLE001 -- reported at the end, with the session
            self.problems.append(f"{session}: {error!r}")

    def connect(self, session: Session, password: str = "") -> smtplib.SMTP:
        return self.server.connect(
            source=session.client,
            user=session.user,
            password=password,
            mechanism="LOGIN" if session.client[-1] in "02468" else "PLAIN",
            helo=f"[{session.client}]",
        )

    def one(self, session: Session) -> None:
        for password in session.wrong:
            try:
                self.connect(session, password).close()
            except smtplib.SMTPAuthenticationError:
                with self.lock:
                    self.failures[session.client] += 1
        if session.wrong:
            return
        with self.connect(session, PASSWORD if session.user else "") as smtp:
            if session.abort:
                smtp.mail(session.sender)
                for recipient in session.recipients:
                    smtp.rcpt(recipient)
                smtp.close()
            elif session.recipients:
                self.send(smtp, session)

    def send(self, smtp: smtplib.SMTP, session: Session) -> None:
        line = "All work and no play makes a dull mail.\r\n"
        body = line * (session.size // len(line) + 1)
        try:
            refused = self.server.submit(
                session.sender, session.recipients, body=body, session=smtp, subject=session.role
            )
        except smtplib.SMTPRecipientsRefused:
            return
        with self.lock:
            count = self.users[session.user] if session.user else self.clients[session.client]
            count["messages"] += 1
            count["recipients"] += len(session.recipients) - len(refused)
            self.roles[session.role] += 1
            if session.user:
                self.user_clients[session.user].add(session.client)


def watch_queue(server: Postfix, stop: threading.Event, out: list[str]) -> None:
    """Every 10 s, the length of each queue as a point of ``postfix_queue``."""
    names = ("active", "deferred", "hold", "incoming", "maildrop")
    while not stop.wait(10 - time.time() % 10):
        now = int(time.time()) // 10 * 10
        entries = server.queue()
        for name in names:
            own = [e for e in entries if e["queue_name"] == name]
            size = sum(e["message_size"] for e in own)
            fields = f"length={len(own)}i,size={size}i"
            if own:
                fields += f",age={now - min(e['arrival_time'] for e in own)}.0"
            out.append(f"postfix_queue,queue={name} {fields} {now * 10**9}")


def active(server: Postfix) -> bool:
    """Say whether Postfix is delivering or about to."""
    return any(e["queue_name"] in ("active", "incoming") for e in server.queue())


def truth(player: Player, worlds: dict[str, Remote], start: float, seed: int) -> dict:
    return {
        "start": int(start),
        "end": int(time.time()),
        "seed": seed,
        "mynetworks": scenario.NETWORKS.split(),
        "stolen_account": scenario.STOLEN,
        "rogue_relay": scenario.GATEWAY,
        "brute_force": list(scenario.BRUTE),
        "innocent": {"newsletter": scenario.NEWSLETTER, "list": scenario.LIST_WRITER},
        "users": {
            user: {**count, "clients": len(player.user_clients[user])}
            for user, count in sorted(player.users.items())
        },
        "clients": {client: dict(count) for client, count in sorted(player.clients.items())},
        "failures": dict(sorted(player.failures.items())),
        "messages_by_role": dict(sorted(player.roles.items())),
        "answers": {
            domain: dict(sorted(world.answers.items())) for domain, world in sorted(worlds.items())
        },
    }


def record(out: Path, seed: int, speed: float) -> int:
    world = {
        domain: Remote(address, 25, 2400, (*COMMON, *ANSWERS[domain]), server_name=name)
        for domain, (name, address) in scenario.REMOTE.items()
    }
    bank = Reply(".", "550 5.1.1 <RECIPIENT>: Recipient address rejected: User unknown")
    name, address = scenario.FORGED["bank.example"]
    world["bank.example"] = Remote(address, 25, 2400, (bank,), server_name=name)
    mailboxes = Remote(scenario.MAILBOXES, 2525, 2400, server_name="mailboxes.example.org")
    transports = "".join(f"/@{d}$/ smtp:[{n}]\n" for d, (n, _) in PEERS.items())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outbreak-")))
        folder.chmod(0o755)
        prepare_namespaces(folder)
        (folder / "transport").write_text(transports)
        (folder / "transport").chmod(0o644)
        for remote in world.values():
            stack.enter_context(remote_servers(remote))
        server = stack.enter_context(
            postfix(
                users=dict.fromkeys(scenario.USERS, PASSWORD),
                networks=scenario.NETWORKS,
                retry=120,
                remote=mailboxes,
                host=scenario.SERVER,
                ports=(25, 587),
                settings={
                    "smtpd_peername_lookup": "yes",
                    "relayhost": "",
                    "transport_maps": f"regexp:{folder}/transport",
                    "virtual_transport": "lmtp:inet:[mailboxes.example.org]:2400",
                    "smtp_destination_concurrency_limit": "5",
                },
            )
        )
        queue: list[str] = []
        stop = threading.Event()
        watcher = threading.Thread(target=watch_queue, args=(server, stop, queue))
        watcher.start()
        player, start = Player(server), time.time()
        player.play(Scenario(seed).sessions(), speed)
        wait_for(lambda: not active(server), "the deliveries under way")
        time.sleep(12 - time.time() % 10)  # the last whole interval
        stop.set()
        watcher.join()
        facts = truth(player, {**world, "example.org": mailboxes}, start, seed)
        shutil.copyfile(server.log, out / "mail.log")
    (out / "queue.lp").write_text("\n".join(queue) + "\n")
    (out / "truth.json").write_text(json.dumps(facts, indent=2) + "\n")
    for problem in player.problems:
        sys.stderr.write(problem + "\n")
    return 1 if player.problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where mail.log, queue.lp and truth.json go")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0, help="for trying it out")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if os.getuid() != 0:
        parser.error("needs root, for Postfix and for namespaces of its own")
    options.folder.mkdir(parents=True, exist_ok=True)
    if not options.inside:
        return enter_namespaces(sys.argv[1:])
    return record(options.folder, options.seed, options.speed)


if __name__ == "__main__":
    sys.exit(main())
