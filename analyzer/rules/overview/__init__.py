"""Many IKE SAs as one answer.

Enter the verdicts of a capture's IKE SAs; leave their counts, the one that decides (``counting``), and what is said
first of them (``headline``): what sets the failing clients apart (``contrast``), what changed in time (``turn``).
"""
