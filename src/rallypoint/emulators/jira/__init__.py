"""A Jira as far as issues go: Cloud (version 3 and 2 of its interface) and Data Center (version 2), Service Management.

Written from the vendor's documentation. Left out: boards, sprints, worklogs, votes, dashboards. The pages are
plain ones of ours.
"""

from rallypoint.emulators.jira.definitions import Edition
from rallypoint.emulators.jira.emulator import CLIENT, CUSTOMER, DESK, ENGINEER, INTEGRATION, LEAD, PROJECT, Jira

__all__ = ["CLIENT", "CUSTOMER", "DESK", "ENGINEER", "INTEGRATION", "LEAD", "PROJECT", "Edition", "Jira"]
