"""Page, JSON and metrics of ``bmtick watch`` and ``bmtick guard``, over HTTP."""
