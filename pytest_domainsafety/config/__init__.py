"""What a run is told: one table of options, read by pytest and by the commands.

`table` names every option once (`option` says what one is and reads its text,
`requests` has those of how models are asked); `pytest_options` registers them on the
command line and as ini values; `run` makes a checked `RunConfig` of what was typed.
Sessions and commands call it. Nothing here is for use from outside.
"""
