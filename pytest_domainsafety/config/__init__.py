"""What a run is told: one table of options, read by pytest and by the commands.

`table` names every option once; `pytest_options` registers them on the command line
and as ini values; `run` makes a checked `RunConfig` of what was typed. Sessions and
commands call it. Nothing here is for use from outside.
"""
