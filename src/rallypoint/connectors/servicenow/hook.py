"""The business rule that tells us of changes: what an administrator pastes in, and how a delivery is believed."""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from rallypoint.connectors.servicenow.api import at
from rallypoint.sync.ports import Hint, Unverified, WebhookHint

SIGNATURE = "x-rallypoint-signature"
PLAIN = "x-rallypoint-token"
SYS_ID = re.compile(r"[0-9a-f]{32}")
WITH_VERSION = ("insert", "update")

INSTRUCTIONS = """\
An administrator of the instance does this once:
1. System Properties: make `rallypoint.webhook.url` (type string) with the value {url}
2. System Properties: make `rallypoint.webhook.secret` (type password2) with the secret shown beside.
3. System Definition > Business Rules > New: table {table}, Advanced, When: after, Insert, Update and Delete ticked,
   order 9000, and this script (it queues the call, so nobody waits for it):

{record_rule}

4. A second business rule on the table Attachment [sys_attachment]: after, Insert ticked, condition
   `current.table_name == '{table}'`, and this script:

{file_rule}

The rules tell only that something changed; Rallypoint reads the record again with its own account.
An update by a script that calls setWorkflow(false) tells nobody: Rallypoint asks the instance regularly besides.
"""

# An async rule would load the record again when it runs: it never runs for a deleted one, and knows no operation.
_SCRIPT = """\
(function executeRule(current, previous) {{
    var body = JSON.stringify({{
        delivery: gs.generateGUID(),
        operation: {operation},
        table: '{table}',
        sys_id: {sys_id},
        sys_mod_count: {count},
        sys_updated_on: current.getValue('sys_updated_on'),
        sys_updated_by: current.getValue('sys_updated_by')
    }});
    var key = GlideStringUtil.base64Encode(gs.getProperty('rallypoint.webhook.secret'));
    var request = new sn_ws.RESTMessageV2();
    request.setEndpoint(gs.getProperty('rallypoint.webhook.url'));
    request.setHttpMethod('POST');
    request.setRequestHeader('Content-Type', 'application/json');
    request.setRequestHeader('X-Rallypoint-Signature',
        new GlideCertificateEncryption().generateMac(key, 'HmacSHA256', body));
    request.setRequestBody(body);
    request.executeAsync();
}})(current, previous);"""


def instructions(url: str, table: str) -> str:
    """Everything a person must do at the instance, but for the secret."""
    record = _SCRIPT.format(
        table=table,
        operation="String(current.operation())",
        sys_id="current.getUniqueValue()",
        count="current.getValue('sys_mod_count')",
    )
    file = _SCRIPT.format(table=table, operation="'attachment'", sys_id="current.getValue('table_sys_id')", count="''")
    return INSTRUCTIONS.format(url=url, table=table, record_rule=record, file_rule=file)


def verify(raw: bytes, headers: Mapping[str, str], secret: str, table: str) -> WebhookHint:
    """The hint in a delivery that carries our secret. A repeated delivery has the same id. Raises Unverified."""
    if not secret or not _believed(raw, headers, secret):
        raise Unverified(
            "The webhook is not signed with the secret of this connection.",
            help="Compare the property rallypoint.webhook.secret of the instance.",
        )
    try:
        said = json.loads(raw)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Unverified("The webhook's body is not the JSON that the business rule sends.")
    delivery = str(said.get("delivery") or hashlib.sha256(raw).hexdigest())[:80]
    return WebhookHint(delivery=delivery, hints=_hints(said, table))


def _hints(said: Mapping[str, Any], table: str) -> tuple[Hint, ...]:
    sys_id, operation = str(said.get("sys_id", "")), str(said.get("operation", ""))
    if said.get("table") != table or not SYS_ID.fullmatch(sys_id):
        return ()
    count = str(said.get("sys_mod_count", ""))
    return (
        Hint(
            remote_id=sys_id,
            revision=count if operation in WITH_VERSION and count.isdigit() else "",
            at=at(str(said.get("sys_updated_on", ""))),
            deleted=operation == "delete",
            project=table,
            type=table,
        ),
    )


def _believed(raw: bytes, headers: Mapping[str, str], secret: str) -> bool:
    signature = headers.get(SIGNATURE, "")
    if signature:
        try:
            given = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, hmac.new(secret.encode(), raw, hashlib.sha256).digest())
    return hmac.compare_digest(headers.get(PLAIN, "").encode(), secret.encode())
