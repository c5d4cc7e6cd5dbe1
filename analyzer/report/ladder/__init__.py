"""The ladder notation: one text for a conversation, printed by reports and parsed by tests (``notation.py``).

Enters: an IKE SA. Leaves: its ladder, folded; or the model of a ladder that was written by hand.
"""
