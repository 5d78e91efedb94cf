"""What the figures mean: how a fact is read, what stops contact, what must balance. Pure; no SQL, no clock."""
