"""What is inferred: NAT, side of the capture, path MTU, products, cipher suite, success, and what fragments would do.

Enters: by name what an inference rests on, out of :mod:`analyzer.relate.seen`; never an IKE SA as a whole.
Leaves: values that say what they rest on, for :class:`analyzer.relate.sa.IkeSa` to pass on.
"""
