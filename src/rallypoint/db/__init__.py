"""PostgreSQL: connections, transactions, migrations, and the embedded server.

Others use `Database` and `Transaction`. Statements live in each room's store.py.
"""

from rallypoint.db.pool import Database, Transaction
from rallypoint.db.statement import bind

__all__ = ["Database", "Transaction", "bind"]
