"""Is a corpus any good? The checks behind `domainsafety validate`.

Loaded suites come in; problems with their lines (`checks`), numbers (`counts`),
tables (`tables`) and JSON (`listing`) go out. `cues`, `words` and `similarity` are
what the checks measure texts by. The commands `validate` and `list` call it. Nothing
here is for use from outside.
"""
