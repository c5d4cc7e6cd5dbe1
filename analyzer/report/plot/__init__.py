"""Packet size versus MTU, as a picture.

Enters: a capture. Leaves: a figure of matplotlib, which is imported when somebody asks for one.
"""
