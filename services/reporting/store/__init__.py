"""Reporting's tables, what each fact writes into them, and the queries behind every figure."""
