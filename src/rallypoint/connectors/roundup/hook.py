"""The detector that tells us of changes: what an administrator installs, and how a delivery is believed."""

from collections.abc import Mapping

from rallypoint.connectors.roundup.api import ID
from rallypoint.connectors.tracking import signed_json
from rallypoint.sync.ports import Hint, WebhookHint

DETECTOR = '''\
"""Tells Rallypoint that an item changed, once the change is committed. It tells only which one."""

import hashlib
import hmac
import json
import logging
import urllib.request
import uuid

log = logging.getLogger("roundup.rallypoint")


def _post(db, changed):
    settings = db.config.detectors
    for classname, itemid, operation in changed:
        body = json.dumps({"delivery": uuid.uuid4().hex, "class": classname, "id": itemid,
                           "operation": operation}).encode()
        signature = hmac.new(settings["RALLYPOINT_SECRET"].encode(), body, hashlib.sha256).hexdigest()
        request = urllib.request.Request(settings["RALLYPOINT_URL"], data=body, method="POST", headers={
            "Content-Type": "application/json", "X-Rallypoint-Signature": "sha256=" + signature})
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except OSError as problem:
            log.warning("Rallypoint was not told of %s%s: %s", classname, itemid, problem)


def _note(db, classname, itemid, operation):
    if not hasattr(db, "rallypoint_changed"):
        db.rallypoint_changed, commit = {}, db.commit

        def commit_and_tell(*given, **named):
            commit(*given, **named)
            changed, db.rallypoint_changed = db.rallypoint_changed, {}
            _post(db, [(*which, what) for which, what in changed.items()])

        db.commit = commit_and_tell
    db.rallypoint_changed[classname, itemid] = operation


def _reactor(operation):
    def react(db, cl, nodeid, oldvalues):
        _note(db, cl.classname, nodeid, operation)
    return react


def _message_set(db, cl, nodeid, oldvalues):
    for itemid in db.getclass("CLASS").filter(None, {"messages": [nodeid]}):
        _note(db, "CLASS", itemid, "set")


def init(db):
    for operation in ("create", "set", "retire", "restore"):
        db.getclass("CLASS").react(operation, _reactor(operation))
    db.msg.react("set", _message_set)
    db.msg.react("retire", _message_set)
'''
"""For the folder detectors/ of a tracker; CLASS stands for the class of its issues."""

INSTRUCTIONS = """\
An administrator of the tracker does this once:
1. Add to detectors/config.ini of the tracker's home:

[rallypoint]
url = {url}
secret = the secret shown beside

2. Put this into detectors/rallypoint.py:

{detector}
3. Restart the tracker's server.

The detector tells only that something changed; Rallypoint reads the issue again with its own account. Where Rallypoint
cannot be reached a change is told to nobody: so the tracker is asked regularly besides.
"""


def detector(of: str) -> str:
    """The file to install, for a class of issues."""
    return DETECTOR.replace("CLASS", of)


def instructions(url: str, of: str) -> str:
    """Everything a person must do at the tracker, but for the secret."""
    return INSTRUCTIONS.format(url=url, detector=detector(of))


def verify(raw: bytes, headers: Mapping[str, str], secret: str, of: str) -> WebhookHint:
    """The hint in a delivery that carries our signature. A repeated delivery has the same id. Raises Unverified."""
    said, delivery = signed_json(
        raw, headers, secret, help="Compare the secret in detectors/config.ini of the tracker."
    )
    id = str(said.get("id", ""))
    if said.get("class") != of or not ID.fullmatch(id):
        return WebhookHint(delivery=delivery)
    deleted = said.get("operation") == "retire"
    return WebhookHint(delivery=delivery, hints=(Hint(remote_id=id, deleted=deleted, project=of, type=of),))
