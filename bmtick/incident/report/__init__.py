"""A self-contained HTML report of a period: plots and text."""
