"""Settings: TOML of the right form, or a refusal that names the file."""

from bmtick.alerts import desired
from bmtick.errors import BmtickError
from bmtick.settings.load import parse

SEEDS = ["tests/fuzz/seeds/toml/*"]


def fuzz(data: bytes) -> None:
    """Read a settings file and render what it enables."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return  # refused by whoever reads the file
    try:
        settings = parse(text, file="bmtick.toml")
    except BmtickError as error:
        assert error.location and error.location.file == "bmtick.toml"
        raise
    desired(settings)
