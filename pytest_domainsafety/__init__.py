"""Safety regression testing for language models, as a pytest plugin.

This module imports nothing: pytest loads the package for every run on a
machine where it is installed, whether or not that run uses it.
"""

__version__ = "0.1.0"
