"""When, where and by whom a borrower is visited, and what came of it. No clock, no database, no Kafka.

Split by noun: `state` what is known · `panel` what decisions refer to · `moves` the legal moves, as a table ·
`planning` window, address, team · `life` permit, dispatch, cancellation, timers · `stops` what stops a visit and what
releases it · `door` go or stop · `results` and `dispositions` what a report means · `conduct` whether it is plausible ·
`evidence` the chain · `credentials` the code that a borrower can check.
"""
