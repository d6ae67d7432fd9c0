"""These suites are broken on purpose: pytest must not collect them."""

collect_ignore_glob = ["*.safety.yaml"]
