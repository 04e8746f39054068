"""Who sends, who relays, and what to do now."""
