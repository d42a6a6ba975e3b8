"""Hypothesis profiles: "quick" by default, "deep" with HYPOTHESIS_PROFILE=deep in the environment."""

import os

from hypothesis import HealthCheck, settings

_checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
settings.register_profile(
    "quick", deadline=None, derandomize=True, database=None, max_examples=60, suppress_health_check=_checks
)
settings.register_profile("deep", deadline=None, max_examples=2000, print_blob=True, suppress_health_check=_checks)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# They record what tests read, and import the frameworks that they ask; and mutation testing imports cosmic-ray.
collect_ignore_glob = ["golden/record_*.py", "mutation/*.py"]
