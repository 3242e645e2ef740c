"""E-mail: sending by SMTP, and answers by mail."""

from rallypoint.connectors.smtp.channel import Smtp
from rallypoint.connectors.smtp.inbound import Reply, Verb, read_reply
from rallypoint.connectors.smtp.receiver import Receiver

__all__ = ["Receiver", "Reply", "Smtp", "Verb", "read_reply"]
