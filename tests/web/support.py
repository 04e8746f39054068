"""A board with an outbreak, and a brake that notes what it is told."""

from bmtick.errors import BmtickError
from bmtick.live.board import Board
from bmtick.points import Point

NOW = 1_800_000_000
TOKEN = "0123456789abcdef"
EVIL = "\"><script>alert(1)</script>'{x}\x1b[31m@example.org"


def outbreak(board, user="eve@example.org", key="sender_outbreak-eve_mx"):
    fields = {"messages": 230, "recipients": 1266, "refused": 724, "blocked": 601, "clients": 80}
    board.feed([Point("postfix_sender", {"user": user}, fields, NOW * 10**9)])
    board.add_event(
        {
            "alert": "sender_outbreak",
            "id": key,
            "time": "2027-01-15T08:00:00Z",
            "level": "CRITICAL",
            "message": f"[CRITICAL] mx: {user} sends spam",
            "tags": {"user": user, "host": "mx"},
        }
    )


class Brake:
    def __init__(self):
        self.done = []
        self.now = []

    def held(self):
        return self.now

    def hold_alerted(self, alert):
        self.done.append(("alert", alert))
        return "done"

    def hold(self, who, seconds):
        if who == "nobody":
            raise BmtickError("there is no such account")
        self.done.append(("hold", who, seconds))
        self.now = [
            {
                "user": who,
                "who": who,
                "since": "2027-01-15T08:00:00+00:00",
                "until": None,
                "reason": "by the page",
                "messages": 3,
                "mode": "hold",
                "active": True,
            }
        ]
        return "3 queued messages put on hold"

    def release(self, who, allow):
        self.done.append(("release", who, allow))
        self.now = []
        return "3 messages given back"


def full_board():
    board = Board("mx.example.org")
    outbreak(board)
    return board
