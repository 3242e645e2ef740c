"""How a person is reached: contact methods and personal rules, pages, deliveries and their states, and sending.

Others page with `page_person`, silence with `void`, and send anything else with `message`.
"""

from rallypoint.notify.delivery_store import backlog
from rallypoint.notify.lane import Lane, lanes, send_due, works
from rallypoint.notify.messages import alarm, message, ways_to
from rallypoint.notify.methods import (
    SECRET_BOUND_TO,
    add_contact_method,
    contact_methods,
    remove_contact_method,
    rules,
    send_code,
    send_test,
    set_rules,
    verify_contact_method,
)
from rallypoint.notify.model import (
    ContactMethod,
    ContactRule,
    Delivery,
    DeliveryState,
    MethodKind,
    Outgoing,
    Page,
    PageState,
    PageView,
    Purpose,
    Receipt,
)
from rallypoint.notify.pages import (
    answered,
    gate,
    list_deliveries,
    my_pages,
    page_by_token,
    page_person,
    pages_of,
    recent_pages,
    void,
)
from rallypoint.notify.rules import headline
from rallypoint.notify.store import pages_of_step

__all__ = [
    "SECRET_BOUND_TO",
    "ContactMethod",
    "ContactRule",
    "Delivery",
    "DeliveryState",
    "Lane",
    "MethodKind",
    "Outgoing",
    "Page",
    "PageState",
    "PageView",
    "Purpose",
    "Receipt",
    "add_contact_method",
    "alarm",
    "answered",
    "backlog",
    "contact_methods",
    "gate",
    "headline",
    "lanes",
    "list_deliveries",
    "message",
    "my_pages",
    "page_by_token",
    "page_person",
    "pages_of",
    "pages_of_step",
    "recent_pages",
    "remove_contact_method",
    "rules",
    "send_code",
    "send_due",
    "send_test",
    "set_rules",
    "verify_contact_method",
    "void",
    "ways_to",
    "works",
]
