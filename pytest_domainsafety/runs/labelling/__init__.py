"""Labelling a run's replies: the sample, who labels it, and what comes of it.

A folder of labels holds `sample.json` (ids and the probabilities with which they were
drawn), one `NAME.csv` an annotator, and `labels.csv`, which gates take. No prompt and
no reply is in any of them: the page reads these from the store.
"""
