"""A graph as a flat program."""
