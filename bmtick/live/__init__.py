"""The current state, collected from points and events, for ``bmtick top`` and the web page."""
