"""``bmtick doctor``: checks of the chain from the mail log to the alert mail."""
