"""What `domainsafety init` writes: a first project, or a suite from a CSV file."""

from pytest_domainsafety.suite.scaffold.from_csv import (
    Columns,
    Imported,
    suite_from_csv,
)
from pytest_domainsafety.suite.scaffold.project import write_new, write_project

__all__ = ["Columns", "Imported", "suite_from_csv", "write_new", "write_project"]
