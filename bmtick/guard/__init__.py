"""The guard: Postfix's policy service, which holds the mail of who sends spam while it is sent."""
