"""The alert catalogue: templates with typed parameters, rendered to TICKscripts."""
