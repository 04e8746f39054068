"""What goes on now: gathered from points and events, shown by ``bmtick top`` and the page."""
