"""A training step by graphs."""
