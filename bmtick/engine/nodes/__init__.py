"""The node kinds, one module each; a module registers its kinds on import."""
