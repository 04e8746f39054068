"""The TICKscript language, pure: text to tree, tree to canonical text, tree to findings."""
