"""The read tables of assignment: what people and pages may ask, and the rows that each fact becomes."""
