"""Safety regression testing for language models, as a pytest plugin.

This module imports nothing: pytest loads the package for every run on a
machine where it is installed, whether or not that run uses it.

What may be used from outside, and stays: `stats`, `types`, `errors`, `suite`
(`load_suite`, `load_suites`), `judging.base`, `judging.offline.OfflineJudge`,
`providers.base`, `runs` (`find_source`, `load_results`, `open_records`), the pytest
plugin, the command `domainsafety`, the entry points for providers and judges, and the
JSON that they write. All else is private and may move with any release.
"""

__version__ = "0.1.0"
