"""Database trouble that says nothing about the alert at hand: it is tried again, never blamed on the alert."""

import asyncpg

AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)
"""PostgreSQL asks for the same transaction once more."""

AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
    TimeoutError,
)
"""The database is not there, is full, or is shutting down."""
