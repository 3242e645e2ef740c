"""The tables, fields and choices of a new instance, as far as incidents need them. Any test may add to its own copy."""

from dataclasses import dataclass

STRING, INTEGER, BOOLEAN, TIME = "string", "integer", "boolean", "glide_date_time"
REFERENCE, JOURNAL, JOURNAL_LIST, HTML, GUID = "reference", "journal_input", "journal_list", "html", "GUID"


@dataclass(frozen=True, slots=True)
class Column:
    """One row of sys_dictionary. `choice` tells that sys_choice has its values."""

    element: str
    label: str
    type: str = STRING
    length: int = 40
    reference: str = ""
    mandatory: bool = False
    read_only: bool = False
    choice: bool = False
    default: str = ""


SYSTEM = (
    Column("sys_id", "Sys ID", GUID, 32, read_only=True),
    Column("sys_created_on", "Created", TIME, read_only=True),
    Column("sys_created_by", "Created by", read_only=True),
    Column("sys_updated_on", "Updated", TIME, read_only=True),
    Column("sys_updated_by", "Updated by", read_only=True),
    Column("sys_mod_count", "Updates", INTEGER, read_only=True),
)
"""What every table has."""

TABLES: dict[str, tuple[Column, ...]] = {
    "task": (
        Column("number", "Number"),
        Column("short_description", "Short description", length=160, mandatory=True),
        Column("description", "Description", length=4000),
        Column("state", "State", INTEGER, choice=True, default="1"),
        Column("priority", "Priority", INTEGER, choice=True, read_only=True, default="5"),
        Column("impact", "Impact", INTEGER, choice=True, default="3"),
        Column("urgency", "Urgency", INTEGER, choice=True, default="3"),
        Column("active", "Active", BOOLEAN, default="true"),
        Column("assigned_to", "Assigned to", REFERENCE, 32, "sys_user"),
        Column("assignment_group", "Assignment group", REFERENCE, 32, "sys_user_group"),
        Column("opened_at", "Opened", TIME),
        Column("opened_by", "Opened by", REFERENCE, 32, "sys_user"),
        Column("closed_at", "Closed", TIME),
        Column("closed_by", "Closed by", REFERENCE, 32, "sys_user"),
        Column("close_notes", "Resolution notes", length=4000),
        Column("comments", "Additional comments", JOURNAL, 4000),
        Column("work_notes", "Work notes", JOURNAL, 4000),
        Column("comments_and_work_notes", "Comments and Work notes", JOURNAL_LIST, 4000),
        Column("contact_type", "Channel", choice=True),
        Column("correlation_id", "Correlation ID", length=100),
        Column("correlation_display", "Correlation display", length=100),
        Column("cmdb_ci", "Configuration item", REFERENCE, 32, "cmdb_ci"),
        Column("due_date", "Due date", TIME),
        Column("escalation", "Escalation", INTEGER, choice=True, default="0"),
        Column("parent", "Parent", REFERENCE, 32, "task"),
        Column("made_sla", "Made SLA", BOOLEAN, default="true"),
        Column("sys_class_name", "Task type", "sys_class_name", 80, read_only=True),
        Column("reassignment_count", "Reassignment count", INTEGER, default="0"),
    ),
    "incident": (
        Column("caller_id", "Caller", REFERENCE, 32, "sys_user", mandatory=True),
        Column("category", "Category", choice=True, default="inquiry"),
        Column("subcategory", "Subcategory", choice=True),
        Column("incident_state", "Incident state", INTEGER, choice=True, default="1"),
        Column("hold_reason", "On hold reason", INTEGER, choice=True),
        Column("close_code", "Resolution code", choice=True),
        Column("resolved_at", "Resolved", TIME),
        Column("resolved_by", "Resolved by", REFERENCE, 32, "sys_user"),
        Column("reopened_by", "Last reopened by", REFERENCE, 32, "sys_user"),
        Column("reopened_time", "Last reopened at", TIME),
        Column("reopen_count", "Reopen count", INTEGER, default="0"),
        Column("parent_incident", "Parent Incident", REFERENCE, 32, "incident"),
        Column("problem_id", "Problem", REFERENCE, 32, "problem"),
        Column("severity", "Severity", INTEGER, choice=True, default="3"),
        Column("u_customer_impact", "Customer impact", length=255),
        Column("u_customer_letter", "Letter to customers", HTML, 8000),
        Column("u_vip", "Important customer", BOOLEAN),
        Column("u_affected_seats", "Affected seats", INTEGER),
    ),
    "problem": (Column("problem_state", "Problem state", INTEGER),),
    "cmdb_ci": (Column("name", "Name", length=255),),
    "sys_user": (
        Column("user_name", "User ID"),
        Column("name", "Name", length=151),
        Column("first_name", "First name", length=50),
        Column("last_name", "Last name", length=50),
        Column("email", "Email", length=100),
        Column("active", "Active", BOOLEAN, default="true"),
        Column("time_zone", "Time zone"),
        Column("vip", "VIP", BOOLEAN),
    ),
    "sys_user_group": (
        Column("name", "Name", length=80),
        Column("active", "Active", BOOLEAN, default="true"),
        Column("email", "Group email", length=100),
    ),
    "sys_journal_field": (
        Column("name", "Name", length=80),
        Column("element", "Element", length=80),
        Column("element_id", "Element ID", length=32),
        Column("value", "Value", length=4000),
    ),
    "sys_attachment": (
        Column("file_name", "File name", length=100),
        Column("content_type", "Content type", length=255),
        Column("size_bytes", "Size bytes", INTEGER),
        Column("table_name", "Table name", length=80),
        Column("table_sys_id", "Table sys ID", length=32),
        Column("hash", "Hash", length=100),
    ),
    "sys_choice": (
        Column("name", "Table", length=80),
        Column("element", "Element", length=80),
        Column("value", "Value"),
        Column("label", "Label", length=255),
        Column("sequence", "Sequence", INTEGER),
        Column("dependent_value", "Dependent value"),
        Column("language", "Language", default="en"),
        Column("inactive", "Inactive", BOOLEAN, default="false"),
    ),
    "sys_dictionary": (
        Column("name", "Table", length=80),
        Column("element", "Column name", length=80),
        Column("column_label", "Column label", length=80),
        Column("internal_type", "Type", REFERENCE, 32, "sys_glide_object"),
        Column("max_length", "Max length", INTEGER),
        Column("reference", "Reference", REFERENCE, 32, "sys_db_object"),
        Column("mandatory", "Mandatory", BOOLEAN),
        Column("read_only", "Read only", BOOLEAN),
        Column("choice", "Choice", INTEGER),
        Column("active", "Active", BOOLEAN, default="true"),
        Column("default_value", "Default value"),
    ),
    "sys_db_object": (
        Column("name", "Name", length=80),
        Column("label", "Label", length=80),
        Column("super_class", "Extends table", REFERENCE, 32, "sys_db_object"),
    ),
    "sys_audit": (
        Column("tablename", "Table name", length=80),
        Column("documentkey", "Document key", length=32),
        Column("fieldname", "Field name", length=80),
        Column("oldvalue", "Old value", length=4000),
        Column("newvalue", "New value", length=4000),
        Column("user", "User"),
        Column("record_checkpoint", "Update count", INTEGER),
    ),
    "sys_audit_delete": (
        Column("tablename", "Table name", length=80),
        Column("documentkey", "Document key", length=32),
        Column("display_value", "Display value", length=255),
    ),
}

PARENTS = {"incident": "task", "problem": "task"}
"""Which table extends which."""

DISPLAY = {"sys_user": "name", "sys_user_group": "name", "cmdb_ci": "name", "sys_attachment": "file_name"}
"""The column by which a record is named; tasks have their number."""

_STATES = (("1", "New"), ("2", "In Progress"), ("3", "On Hold"), ("6", "Resolved"), ("7", "Closed"), ("8", "Canceled"))
_THREE = (("1", "1 - High"), ("2", "2 - Medium"), ("3", "3 - Low"))
_CODES = (
    "Duplicate", "Known error", "No resolution provided", "Resolved by caller", "Resolved by change",
    "Resolved by problem", "Resolved by request", "Solution provided", "Workaround provided",
)  # fmt: skip

CHOICES: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("task", "state"): (("-5", "Pending"), ("1", "Open"), ("2", "Work in Progress"), ("3", "Closed Complete")),
    ("incident", "state"): _STATES,
    ("incident", "incident_state"): _STATES,
    ("incident", "hold_reason"): (
        ("1", "Awaiting Caller"), ("5", "Awaiting Change"), ("3", "Awaiting Problem"), ("4", "Awaiting Vendor"),
    ),
    ("incident", "close_code"): tuple((code, code) for code in _CODES),
    ("incident", "category"): (
        ("inquiry", "Inquiry / Help"), ("software", "Software"), ("hardware", "Hardware"), ("network", "Network"),
        ("database", "Database"),
    ),
    ("incident", "subcategory"): (("email", "Email"), ("os", "Operating System"), ("dns", "DNS"), ("vpn", "VPN")),
    ("incident", "severity"): _THREE,
    ("task", "impact"): _THREE,
    ("task", "urgency"): _THREE,
    ("task", "priority"): (
        ("1", "1 - Critical"), ("2", "2 - High"), ("3", "3 - Moderate"), ("4", "4 - Low"), ("5", "5 - Planning"),
    ),
    ("task", "contact_type"): (("email", "Email"), ("phone", "Phone"), ("self-service", "Self-service")),
    ("task", "escalation"): (("0", "Normal"), ("1", "Moderate"), ("2", "High"), ("3", "Overdue")),
}  # fmt: skip

PRIORITY = {
    ("1", "1"): "1", ("1", "2"): "2", ("2", "1"): "2", ("1", "3"): "3", ("2", "2"): "3", ("3", "1"): "3",
    ("2", "3"): "4", ("3", "2"): "4", ("3", "3"): "5",
}  # fmt: skip
"""The lookup of priority from impact and urgency."""


def lineage(table: str) -> list[str]:
    """The table and what it extends, nearest first."""
    found = [table]
    while found[-1] in PARENTS:
        found.append(PARENTS[found[-1]])
    return found
