"""Two captures of the same attempt in, what died where out.

Messages are matched by SPI and content, never by address or port: a NAT between the two points may change those. The
clocks of the two computers are compared by the messages that both saw. What one side sent and the other never received
is lost between them: that is proof, where one trace alone can only be silent.
"""
