"""What can be done with saved runs: no pytest here, and no model unless to judge again.

In come stores, results files and anybody's records (`sources`, `record_files`); out go
results, comparisons, labels, exports. The commands call it, and the session for its
baseline.
"""
