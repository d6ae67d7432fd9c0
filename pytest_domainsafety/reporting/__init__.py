"""Reporting: pictures drawn from one Results object."""
