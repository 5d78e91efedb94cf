"""The whole system on one machine, from wheels and a lock file: no Docker, no root, everything under one `var` folder.

Nothing here knows a loan. Everything is keyed by the `var` folder and by free ports, so that two checkouts, or a test
run beside a demo, live side by side.
"""
