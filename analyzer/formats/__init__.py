"""From bytes to packets: one reader per file format; knows files and records, no link layer and no IKE.

Enters: a capture file, a pipe or a stream (:func:`open_capture`).
Leaves: chunks of packet records as NumPy columns, interfaces, and notes on the quality of the capture.
"""

from analyzer.formats.opening import open_capture

__all__ = ["open_capture"]
