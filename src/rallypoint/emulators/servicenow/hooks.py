"""The business rule that an administrator pastes in to tell another program of changes.

It runs after the save and queues a call: calls go out in no certain order, and nobody tries again when the other side
does not answer.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from rallypoint.emulators.base import Deliveries, Delivery
from rallypoint.emulators.servicenow.instance import Instance, Row

PLAIN_HEADER = "X-Rallypoint-Token"
SIGNATURE_HEADER = "X-Rallypoint-Signature"


@dataclass(frozen=True, slots=True)
class Hook:
    """Where to post, and how to be believed: the shared secret itself in a header, or an HMAC made with it."""

    url: str
    secret: str
    signed: bool = True


class BusinessRule:
    """Active on incidents and on their attachments while `hook` is set."""

    def __init__(self, instance: Instance, deliveries: Deliveries) -> None:
        self._instance, self._deliveries = instance, deliveries
        self.hook: Hook | None = None
        instance.listeners.append(self._changed)

    def _changed(self, table: str, operation: str, row: Row, actor: str) -> None:
        about = table, row
        if table == "sys_attachment":
            found = self._instance.find(row["table_name"], row["table_sys_id"])
            if found is None:
                return
            about, operation = found, "attachment"
        if self.hook is None or about[0] != "incident":
            return
        said = {
            "delivery": self._instance.new_id(),
            "operation": operation,
            "table": about[0],
            "sys_id": about[1]["sys_id"],
            "sys_mod_count": about[1]["sys_mod_count"],
            "sys_updated_on": about[1]["sys_updated_on"],
            "sys_updated_by": actor,
        }
        body = json.dumps(said).encode()
        headers = {"Content-Type": "application/json"}
        if self.hook.signed:
            mac = hmac.new(self.hook.secret.encode(), body, hashlib.sha256).digest()
            headers[SIGNATURE_HEADER] = base64.b64encode(mac).decode()
        else:
            headers[PLAIN_HEADER] = self.hook.secret
        self._deliveries.put(Delivery(url=self.hook.url, body=body, headers=headers))
