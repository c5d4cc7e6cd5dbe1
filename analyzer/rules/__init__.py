"""IKE SAs in, findings out.

One rule per file, named by its code; a rule is a docstring, a ``check`` function and a ``RULE``. Rules never import
each other; what they share is in ``evidence``, ``certainty``, ``advice``, ``wording``. ``engine`` discovers, runs them.
"""
