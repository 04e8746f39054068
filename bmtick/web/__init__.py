"""Web page, JSON and metrics of ``bmtick watch`` and ``bmtick guard``."""
