"""Tables and views in, pandas frames out.

``contracts`` says what each frame holds; ``build`` makes them when somebody asks. pandas is imported there and nowhere
before.
"""
