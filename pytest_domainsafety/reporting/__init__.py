"""Reporting: one `Results` goes in, every picture of it comes out.

Terminal, HTML, Markdown, JUnit, model card and CI formats; `wording`, `advice`, `cost`
and `numbers` have the words that they share, `files` writes them. The session calls it
at the end of a run, and the commands for saved ones. It reads verdicts and makes none.
Nothing here is for use from outside: what is stable is what stands in the files.
"""
