"""The scrip that tells us of changes: what an administrator installs, and how a delivery is believed."""

from collections.abc import Mapping

from rallypoint.connectors.request_tracker.api import ID
from rallypoint.connectors.tracking import signed_json
from rallypoint.sync.ports import Hint, WebhookHint

PREPARE = "return 1;"
COMMIT = """\
my $ticket = $self->TicketObj;
eval {
    require JSON; require Digest::SHA; require LWP::UserAgent;
    my $body = JSON->new->utf8->canonical->encode({
        delivery => join('-', $ticket->Id, $self->TransactionObj->Id),
        ticket   => $ticket->Id + 0,
        queue    => $ticket->__Value('Queue') + 0,
        status   => $ticket->__Value('Status'),
    });
    my $signature = Digest::SHA::hmac_sha256_hex($body, RT->Config->Get('RallypointSecret') // '');
    my $answer = LWP::UserAgent->new(timeout => 5)->post(
        RT->Config->Get('RallypointURL'), 'Content-Type' => 'application/json',
        'X-Rallypoint-Signature' => "sha256=$signature", Content => $body);
    RT->Logger->warning('Rallypoint was not told of ticket ' . $ticket->Id . ': ' . $answer->status_line)
        unless $answer->is_success;
    1;
} or RT->Logger->warning("Rallypoint was not told of a ticket: $@");
return 1;
"""
"""It tells only which ticket, after all of a request is done: scrips of the stage Batch run then."""

INSTRUCTIONS = """\
An administrator of Request Tracker does this once:
1. Put a file into RT_SiteConfig.d, say rallypoint.pm, and restart the web server:

Set($RallypointURL, '{url}');
Set($RallypointSecret, 'the secret shown beside');
1;

2. Admin > Global > Scrips > Create: condition On Transaction, action User Defined, template Blank, stage Batch.
   Custom action preparation code:

{prepare}

   Custom action commit code:

{commit}
The scrip tells only that something changed; Rallypoint reads the ticket again with its own account. Where Rallypoint
cannot be reached a change is told to nobody: so tickets are asked for regularly besides.
"""


def instructions(url: str) -> str:
    """Everything a person must do there, but for the secret."""
    return INSTRUCTIONS.format(url=url, prepare=PREPARE, commit=COMMIT)


def verify(raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
    """The hint in a delivery that carries our signature. A repeated delivery has the same id. Raises Unverified."""
    said, delivery = signed_json(
        raw, headers, secret, help="Compare $RallypointSecret in RT_SiteConfig.d with the secret of the connection."
    )
    id, queue = str(said.get("ticket", "")), str(said.get("queue", ""))
    if not ID.fullmatch(id):
        return WebhookHint(delivery=delivery)
    deleted = said.get("status") == "deleted"
    return WebhookHint(delivery=delivery, hints=(Hint(remote_id=id, deleted=deleted, project=queue, type="ticket"),))
