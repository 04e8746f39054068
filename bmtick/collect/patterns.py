r"""The grammar of Postfix's log lines, as bytes patterns: one place for the scanner and the parser.

Source: Postfix 3.7 ``smtpd_sasl_mail_log()``, ``smtpd_sasl_glue.c``, ``pickup.c``,
``qmgr_message.c``, ``qmgr_active.c``, ``log_adhoc.c``, ``bounce_notify_service.c``.

Anything after a fixed text may be an attacker's: user names, addresses, a remote server's reply.
So a pattern is anchored at the line's head, reads what Postfix itself wrote from the left, and
takes attributes that follow a free text (``size=`` after the sender) from the right end.
"""

from __future__ import annotations

# "Jun 21 08:34:30 " or "2023-06-21T08:34:30.123456+02:00 "
TIME = (
    rb"(?:[A-Z][a-z]{2} [ 0-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}"
    rb"|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?"
    rb"(?:Z|[+-][0-9]{2}:?[0-9]{2}))"
)

# syslog_name is "postfix", "postfix/submission", "postfix-out", ...: whatever ends in "/DAEMON"
PROGRAM = rb"[^ \[]*/(?P<daemon>[a-z0-9_-]+)\[[0-9]+\]: "

REPEATED = rb"message repeated (?P<repeated>[0-9]+) times: \[ ?"  # rsyslog; it closes with "]"
LAST_REPEATED = rb" last message repeated (?P<repeated>[0-9]+) times?$"  # other syslogs

HEAD = TIME + rb" (?:[^ ]+ )?" + PROGRAM

QUEUE_ID = rb"[0-9A-Za-z]{5,}"
_QID = rb"(?P<queue_id>" + QUEUE_ID + rb"): "

# NAME[ADDRESS], with smtpd_client_port_logging NAME[ADDRESS]:PORT
_PEER = rb"(?P<name>[^ \[\]]*)\[(?P<address>[^ \[\]]+)\](?::[0-9]+)?"
_ORIG = (
    rb"(?:, orig_queue_id=(?P<orig_queue_id>[0-9A-Za-z]+))?"
    rb"(?:, orig_client=(?P<orig_name>[^ \[\]]*)\[(?P<orig_address>[^ \[\]]+)\](?::[0-9]+)?)?"
)
# The user name and the sender given by AUTH= are free text; a sender hides all that follows it,
# because a client could write ", orig_queue_id=" there to pass for a filter's message. The last
# alternative keeps the message of a Postfix that one day logs more.
PEER_AND_LOGIN = (
    _PEER
    + rb"(?:(?:, sasl_method=(?P<method>[^ ,]*))?"
    + rb"(?:, sasl_username=(?P<username>.*?))??"
    + rb"(?:(?:, sasl_sender=(?P<sasl_sender>.*))|"
    + _ORIG
    + rb")|, (?!sasl_).*)$"
)
CLIENT = rb"(?P<queue_id>" + QUEUE_ID + rb"|NOQUEUE): client=" + PEER_AND_LOGIN
PICKUP = (
    _QID
    + rb"uid=(?P<uid>[0-9]+) from=<(?P<sender>.*?)>(?: orig_id=(?P<orig_queue_id>"
    + QUEUE_ID
    + rb"))?$"
)
ACTIVE = (
    _QID
    + rb"from=<(?P<sender>.*)>, size=(?P<size>[0-9]+), nrcpt=(?P<nrcpt>[0-9]+) \(queue active\)$"
)
EXPIRED = _QID + rb"from=<(?P<sender>.*)>, status=(?:force-)?expired, returned to sender$"

# A quoted local part may hold anything but a bare quote. (?>(?:...)*) and not (?:...)*+: Python
# before 3.11.5, Debian 12's among them, matches possessive repeats of groups wrongly (gh-106052).
_ADDRESS = rb"(?>(?:[^\">]++|\"(?>(?:[^\"\\]++|\\.)*)\")*)"
DELIVERY = (
    _QID
    + rb"to=<(?P<recipient>"
    + _ADDRESS
    + rb")>(?:, orig_to=<(?P<orig_to>"
    + _ADDRESS
    + rb")>)?, relay=(?P<relay>[^,]*+(?>(?:, (?!conn_use=|delay=)[^,]*+)*))"
    + rb"(?:, conn_use=[0-9]+)?, delay=(?P<delay>[0-9.]+)"
    + rb"(?:, delays=[0-9./]+)?(?:, tls=.*?)?, dsn=(?P<dsn>[245]\.[0-9]+\.[0-9]+)"
    + rb", status=(?P<status>[A-Za-z-]+)(?: \((?P<text>.*))?$"
)
REMOVED = _QID + rb"removed$"
BOUNCE = (
    _QID
    + rb"(?:sender|postmaster) (?P<kind>non-delivery|delay|delivery status) notification: "
    + rb"(?P<new>"
    + QUEUE_ID
    + rb")$"
)
MESSAGE_ID = _QID + rb"message-id=(?P<message_id>.*)$"

# Cyrus SASL's own second line ("warning: SASL authentication failure: ...") has no address.
AUTH_FAILURE = (
    rb"warning: "
    + _PEER
    + rb": SASL (?P<method>[^ ]*) authentication failed: ?(?P<reason>.*?)"
    + rb"(?:, sasl_username=(?P<username>.*))?$"
)
REJECT = (
    rb"(?P<queue_id>"
    + QUEUE_ID
    + rb"|NOQUEUE): (?P<action>(?:milter-)?(?:reject|hold|discard|quarantine)|reject_warning): "
    + rb"(?P<stage>[A-Z-]+(?: [A-Za-z]+)?) from "
    + _PEER
    + rb": (?P<text>.*)$"
)
