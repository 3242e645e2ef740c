"""What there is: services and what they need, and the domains that say how their incidents are worked.

Others read services, statuses, categories and priority models by the functions below; `priority.decide` is pure.
"""

from rallypoint.catalog import priority
from rallypoint.catalog.actions import (
    add_dependency,
    add_runbook,
    create_service,
    remove_dependency,
    remove_runbook,
    update_service,
)
from rallypoint.catalog.custom_fields import custom_fields, save_custom_field
from rallypoint.catalog.domain_actions import save_category, save_domain, save_level, save_matrix, save_status
from rallypoint.catalog.domain_store import (
    categories,
    category_by_id,
    domain,
    domain_by_id,
    domains,
    priority_model,
    statuses,
)
from rallypoint.catalog.domain_store import category as category_by_key
from rallypoint.catalog.model import (
    Category,
    ClosurePolicy,
    CustomField,
    CustomKind,
    Dependency,
    Domain,
    Hosting,
    Impact,
    Kind,
    Layer,
    PriorityLevel,
    PriorityModel,
    Runbook,
    Service,
    Status,
    StatusCategory,
    TypeClass,
    Urgency,
    Workflow,
)
from rallypoint.catalog.priority import PriorityDecision, decide, is_higher
from rallypoint.catalog.seed import seed
from rallypoint.catalog.store import (
    dependencies,
    needed_by,
    needs,
    runbooks,
    service,
    service_by_id,
    services,
)

__all__ = [
    "Category",
    "ClosurePolicy",
    "CustomField",
    "CustomKind",
    "Dependency",
    "Domain",
    "Hosting",
    "Impact",
    "Kind",
    "Layer",
    "PriorityDecision",
    "PriorityLevel",
    "PriorityModel",
    "Runbook",
    "Service",
    "Status",
    "StatusCategory",
    "TypeClass",
    "Urgency",
    "Workflow",
    "add_dependency",
    "add_runbook",
    "categories",
    "category_by_id",
    "category_by_key",
    "create_service",
    "custom_fields",
    "decide",
    "dependencies",
    "domain",
    "domain_by_id",
    "domains",
    "is_higher",
    "needed_by",
    "needs",
    "priority",
    "priority_model",
    "remove_dependency",
    "remove_runbook",
    "runbooks",
    "save_category",
    "save_custom_field",
    "save_domain",
    "save_level",
    "save_matrix",
    "save_status",
    "seed",
    "service",
    "service_by_id",
    "services",
    "statuses",
    "update_service",
]
