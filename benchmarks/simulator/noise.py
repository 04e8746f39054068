"""Lines of other daemons in the same file, some of which quote Postfix's own words."""

from __future__ import annotations

from random import Random

_LINES = (
    (
        "dovecot: imap-login: Login: user=<anna.weber@example.org>, method=PLAIN, rip=10.1.2.3, "
        "lip=192.0.2.25, mpid={n}, TLS, session=<{n}>"
    ),
    "dovecot: imap(ben.leroy@example.org)<{n}><x>: Logged out in=430 out=9000",
    "dovecot: auth: passwd-file(admin,203.0.113.9): unknown user (SHA1 of given password: 5baa61)",
    "systemd[1]: Started Session {n} of User root.",
    "systemd-logind[700]: New session {n} of user root.",
    "CRON[{n}]: (root) CMD (test -x /usr/sbin/anacron || run-parts /etc/cron.daily)",
    (
        "amavis[{n}]: ({n}-01) Passed CLEAN {{RelayedOutbound}}, [10.1.2.3] <a@example.org> -> "
        "<b@bigmail.example>, Queue-ID: 4XyZ{n}, Message-ID: <{n}@example.org>, mail_id: k, Hits: -1"
    ),
    "spamd[{n}]: spamd: result: . 0 - BAYES_50 scantime=0.4,size=2233,user=nobody",
    "opendkim[{n}]: 4XyZ{n}: DKIM-Signature field added (s=mail, d=example.org)",
    "postfix/anvil[{n}]: statistics: max connection rate 2/60s for (smtp:203.0.113.5) at May 5 00:08",
    "postfix/scache[{n}]: statistics: start interval May  5 00:08:55",
    "postfix/smtpd[{n}]: warning: hostname host.example does not resolve to address 203.0.113.8",
    "postfix/smtpd[{n}]: lost connection after CONNECT from unknown[203.0.113.9]",
    (
        "postfix/smtpd[{n}]: improper command pipelining after CONNECT from unknown[203.0.113.9]: "
        "client=x[203.0.113.1], sasl_method=LOGIN, sasl_username=admin#012"
    ),
    "logger: A1B2C3D4E5: client=unknown[203.0.113.7], sasl_method=LOGIN, sasl_username=nobody",
    "logger: A1B2C3D4E5: from=<x@example.org>, size=1, nrcpt=99 (queue active)",
    "bm-core[{n}]: 4XyZ: status=sent (this is not Postfix)",
    "kernel: [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.4 DST=192.0.2.25 LEN=40 PROTO=TCP DPT=25",
)


def noise_line(random: Random) -> str:
    """Return one line of another daemon, without time and host."""
    return random.choice(_LINES).replace("{n}", str(random.randrange(1000, 99999)))
