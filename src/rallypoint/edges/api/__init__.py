"""The REST API under /api/v1: parse, call one action or view, answer. The only place that may import fastapi.

`mount()` is what edges/asgi.py puts into the site; `create()` the app itself, with the house at `app.state.house`.
"""

from rallypoint.edges.api.app import create, mount

__all__ = ["create", "mount"]
