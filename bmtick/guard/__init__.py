"""The guard: a Postfix policy service that holds the mail of spammers while they send."""
