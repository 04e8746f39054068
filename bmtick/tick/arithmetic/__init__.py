"""What TICKscript's operators do: one table for the checker, which folds constants, and the engine."""
