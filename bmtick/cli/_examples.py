"""Usage examples for ``--help`` and the man pages: command lines and their purpose."""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "audit": (("bmtick audit --all", "all that was looked at, the good as well"),),
    "alerts": (
        ("bmtick alerts", "the catalogue"),
        ("bmtick alerts postfix_queue", "what can be set in one alert"),
    ),
    "apply": (("bmtick apply --yes", "deploy what the settings enable, without a question"),),
    "backtest": (
        ("bmtick backtest --log /var/log/mail.log", "when would the alerts have fired"),
        ("bmtick backtest --from 7d sender_outbreak", "one alert, over InfluxDB's last week"),
    ),
    "check": (("bmtick check *.tick", "find the mistakes in scripts"),),
    "collect": (
        ("bmtick collect --log /var/log/mail.log", "the points since the last run"),
        ("bmtick collect --log mail.log --from-start --no-state", "all of a copied log"),
    ),
    "completion": (
        (
            "bmtick completion bash > /etc/bash_completion.d/bmtick",
            "for every bash of this machine",
        ),
    ),
    "demo": (("bmtick demo -o /tmp/demo", "see the whole path in half a minute"),),
    "destroy": (("bmtick destroy", "take bmtick's alerts off Kapacitor, after a question"),),
    "doctor": (("bmtick doctor", "follow the chain from the log to the mail"),),
    "eval": (("bmtick eval a.tick --points points.lp", "what a script says to these points"),),
    "events": (("bmtick events --since 24h", "what was found, and who was told"),),
    "fire": (("bmtick fire sender_outbreak", "send a test through an alert's channels"),),
    "fmt": (("bmtick fmt --write *.tick", "put scripts into Kapacitor's format"),),
    "guard": (("bmtick guard --print-postfix", "how Postfix is told to ask it"),),
    "guard-queue": (
        ("bmtick guard-queue --socket /run/queue.socket", "without systemd, until it is idle"),
    ),
    "held": (("bmtick held", "whose mail is on hold, and why"),),
    "hold": (("bmtick hold p.martin@example.org --for 2h", "stop an account's mail now"),),
    "incident": (
        ("bmtick incident", "who sends spam, and what to do about it, step by step"),
        ("bmtick incident p.martin@example.org", "about one account"),
    ),
    "init": (("bmtick init -o /etc/bmtick/bmtick.toml", "write a first settings file"),),
    "lsp": (("bmtick lsp", "what an editor starts for .tick files"),),
    "plan": (("bmtick plan", "what 'bmtick apply' would change"),),
    "queue": (
        ("bmtick queue", "who fills the queue, and why it waits"),
        ("bmtick queue --list --older 1h --top 50", "fifty messages that wait for an hour"),
    ),
    "relays": (("bmtick relays --probe", "who relays without a login; may strangers?"),),
    "release": (("bmtick release p.martin@example.org", "give the mail back"),),
    "render": (
        ("bmtick render postfix_queue --set crit=500", "one alert as a TICKscript"),
        ("bmtick render -o scripts/", "all that the settings enable"),
    ),
    "report": (("bmtick report --since 24h -o report.html", "a page about the last day"),),
    "respond": (
        ("bmtick respond p.martin@example.org", "the steps and their commands; nothing is done"),
        ("bmtick respond p.martin@example.org --interactive", "the same, asked step by step"),
    ),
    "rollback": (
        ("bmtick rollback --list", "the states that were applied"),
        ("bmtick rollback", "bring back the one before the present"),
    ),
    "settings": (
        ("bmtick settings", "what is in force, and where each value comes from"),
        ("bmtick settings --schema > bmtick.schema.json", "for editors"),
    ),
    "silence": (
        (
            "bmtick silence --alert postfix_queue --for 2h --reason move",
            "quiet while you work on it",
        ),
    ),
    "silences": (("bmtick silences", "what is muted, by whom, until when"),),
    "status": (("bmtick status --groups", "every alert, and what it watches"),),
    "suspects": (
        ("bmtick suspects", "who sends the spam, with the evidence"),
        ("bmtick suspects --since 2h --json", "the last two hours, for a program"),
    ),
    "telegraf": (
        ("bmtick telegraf --execd > /etc/telegraf/telegraf.d/bmtick.conf", "tell Telegraf"),
    ),
    "test": (("bmtick test cases/", "unit tests of alerts"),),
    "top": (
        ("bmtick top", "who sends, who is refused, what fires, who is held: live"),
        ("bmtick top --once", "one frame, for a pipe"),
    ),
    "unsilence": (("bmtick unsilence --all", "end every silence"),),
    "watch": (
        ("bmtick watch", "alerts on this machine, without a TICK stack"),
        ("bmtick watch --test-mail", "see that the mail arrives"),
    ),
}
