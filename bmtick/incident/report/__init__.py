"""One self-contained page about a stretch of time: what happened, in plots and words."""
