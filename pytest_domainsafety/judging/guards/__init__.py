"""Guard models as judges: their own prompts and answer formats, through any provider.

`kinds` knows the six of them (prompts in `prompts`, answers in `answers`), `judge`
asks. What a guard can't say is null: none says whether a reply recognises the harm,
three say whether it refuses.
"""
