"""Who works which overdue case, what was agreed, what was decided and where the money went.

Every rule of assignment lives in this folder, a module per noun. Pure: no clock, no database, no random, no log.
Each function maps a state and what happened to the state that shall be and the facts to say.
"""
