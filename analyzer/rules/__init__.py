"""IKE SAs in, findings out.

One rule per file, named by its code; a rule is a docstring, a ``check`` function and a ``RULE``, and has its place in
``catalogue.csv``. Rules never import each other; what they share is in ``shared/``. ``engine`` discovers and runs them.
"""
