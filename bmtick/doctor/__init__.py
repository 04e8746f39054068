"""``bmtick doctor``: the chain from the mail log to the alert mail, check by check."""
