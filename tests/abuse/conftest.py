"""How long it is fuzzed: in `make test` a little, and always the same; by `make fuzz` long, and never the same."""

import os

from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example]

settings.register_profile(
    "test", max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=SLOW
)
settings.register_profile(
    "fuzz", max_examples=int(os.environ.get("HASHTIDE_FUZZ", "1")), deadline=None, suppress_health_check=SLOW
)
settings.load_profile("fuzz" if "HASHTIDE_FUZZ" in os.environ else "test")
