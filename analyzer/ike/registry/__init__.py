"""Numbers and names of IKE as data: one CSV file per registry, each row with its source.

Enters: a number, a name or the bytes of a Vendor ID payload. Leaves: the RFC's spelling, the number, what is known of
the vendor. Nothing is read before the first use, and an unknown number survives as text (``notify 40999``).
"""

from __future__ import annotations

from analyzer.ike.registry.tables import REGISTRIES, ke_data_length, name, names, number, rows
from analyzer.ike.registry.vendors import VendorId, vendor

__all__ = ["REGISTRIES", "VendorId", "ke_data_length", "name", "names", "number", "rows", "vendor"]
