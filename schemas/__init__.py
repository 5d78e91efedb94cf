"""The language of Arrears: every fact that crosses a topic, as a typed, versioned contract.

Imports the standard library and pydantic only. Two services share *meaning* here and nothing else.
"""
