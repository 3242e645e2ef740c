"""The REST API under /api/v1: parse, call one action or view, answer. The only place that may import fastapi.

`create()` makes the app that edges/asgi.py mounts; it finds the house at `app.state.house`.
"""

from rallypoint.edges.api.app import create

__all__ = ["create"]
