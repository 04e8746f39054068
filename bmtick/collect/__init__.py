"""The collector: Postfix's log and queue as exact points. Imports nothing heavy."""
