"""What `domainsafety init` writes: a first project, or a suite from a CSV file.

A folder, or a CSV file and the names of its columns, comes in; new files go out, and
never over one that is there. The command `init` calls it. Nothing here is for use
from outside.
"""

from pytest_domainsafety.suite.scaffold.from_csv import (
    Columns,
    Imported,
    suite_from_csv,
)
from pytest_domainsafety.suite.scaffold.project import write_new, write_project

__all__ = ["Columns", "Imported", "suite_from_csv", "write_new", "write_project"]
