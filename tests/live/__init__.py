"""A running Rallypoint as it is shipped: `rallypoint serve` in processes of its own, on a folder of its own.

For tests that kill processes, for partners that are programs of their own, and for measurements. Everything here
looks from outside: HTTP, process numbers, files. Only `furnish` acts inside, before the first start.
"""

from tests.live.furniture import Furniture, Given, furnish
from tests.live.ledger import LedgerAtHand, Receipt
from tests.live.outside import Outside
from tests.live.processes import Live, Roles, kill, scratch
from tests.live.waiting import NotInTime, until

__all__ = [
    "Furniture",
    "Given",
    "LedgerAtHand",
    "Live",
    "NotInTime",
    "Outside",
    "Receipt",
    "Roles",
    "furnish",
    "kill",
    "scratch",
    "until",
]
