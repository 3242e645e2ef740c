"""The product as code: export what is set up, plan what a document would change, apply it.

`export_document(tx)`, `plan(tx, document, prune)`, `apply(tx, document, prune)`; `read(path)` and `write(document)`.
"""

from rallypoint.edges.code.files import read, read_text, write
from rallypoint.edges.code.kinds import Change
from rallypoint.edges.code.reconcile import apply, export_document, plan

__all__ = ["Change", "apply", "export_document", "plan", "read", "read_text", "write"]
