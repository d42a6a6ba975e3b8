"""Long runs that keep what they found in files: accuracy of every operation, and sweeps over random graphs."""
