"""Find settings that make outbreaks easy, and block lists that list this server; read-only."""
