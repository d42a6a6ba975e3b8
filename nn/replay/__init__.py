"""A training step by a compiled program."""
