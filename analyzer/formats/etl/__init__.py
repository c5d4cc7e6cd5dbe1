"""Windows traces (ETL): from buffers of events to packets in the order of time (docs/domain/windows-traces.md).

Enters: a window on the file (:class:`analyzer.formats.etl.reader.EtlReader`).
Leaves: chunks as of any other reader, each packet once, and what Windows itself said of it.
"""
