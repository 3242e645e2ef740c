"""Local servers that behave like the tools we connect to: a sandbox for mappings, and the partner of the tests.

Each is written from its vendor's documents, and shares no code with the connector for the same tool: a common mistake
could not be seen. It counts as faithful when the vendor's own client works against it.
"""
