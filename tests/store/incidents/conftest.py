"""The company of people.py, and the incident most tests begin with."""

import pytest

from rallypoint import incidents
from rallypoint.db import Database
from tests.store.incidents.people import Company, company


@pytest.fixture
async def them(db: Database) -> Company:
    return await company(db)


@pytest.fixture
async def number(db: Database, them: Company) -> int:
    """Checkout is slow, declared by Bob."""
    async with db.transaction(them.responder) as tx:
        return (await incidents.open_incident(tx, title="Checkout is slow", service="checkout")).number
