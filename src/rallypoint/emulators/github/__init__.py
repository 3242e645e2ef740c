"""A host of GitHub as far as issues go: REST interface 2022-11-28, comments, labels, people, history, webhooks.

Written from the vendor's documentation. Left out: code, pull requests beyond their being issues too, projects, issue
types, search, GraphQL, the user interface.
"""

from rallypoint.emulators.github.emulator import ENGINEER, INTEGRATION, LEAD, PUBLIC, REPOSITORY, STRANGER, GitHub

__all__ = ["ENGINEER", "INTEGRATION", "LEAD", "PUBLIC", "REPOSITORY", "STRANGER", "GitHub"]
