"""E-mail: sending by SMTP, and reading answers. Only who runs the server that takes them imports receiver.py."""

from rallypoint.connectors.smtp.channel import Smtp
from rallypoint.connectors.smtp.inbound import Reply, Verb, read_reply

__all__ = ["Reply", "Smtp", "Verb", "read_reply"]
