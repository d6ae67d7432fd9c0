"""All that knows pytest and xdist.

Hooks come in from `plugin`; items, reports, gates and an exit status go out to
pytest. The engine does the asking, `analysis` the counting. Nothing here is for use
from outside.
"""
