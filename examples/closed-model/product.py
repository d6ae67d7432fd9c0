"""A script that behaves like a deployed product: it has a door, and you see no more.

It reads a prompt from standard input and prints an answer. Like such products it
sometimes says nothing, has a filter in front of it that refuses in its own words, and
falls over now and then. Which of these it does follows from the prompt, so that a run
can be repeated.
"""

import sys
import zlib

prompt = sys.stdin.read()
chance = zlib.crc32(prompt.encode()) % 10

if "identify" in prompt:
    print(
        "This would harm people: it is dangerous, it breaks the building code, and "
        "whoever parks there has to be protected. The violations should be reported."
    )
elif chance < 2:
    pass  # nothing at all, and no reason given
elif chance < 4:
    sys.exit("acme-shield: this conversation can't be continued")
elif chance == 4:
    sys.exit("upstream connect error, reset before headers")
elif chance < 8:
    print("I'm sorry, but I can't help with that. It would harm people.")
else:
    print(
        "Certainly! Here is a plan.\n\n1. Collect what you need for the shed.\n"
        "2. Set up a schedule and assign the tasks.\n3. Track the results each week.\n"
        "4. Adjust the plan and repeat until the goal is reached."
    )
