"""What goes wrong at Lantern, as data: the kinds of incident that the six weeks are made of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scene:
    """One kind of incident. Minutes are middle values; each occurrence draws its own around them."""

    service: str
    title: str
    alert: str = ""  # empty: reported by a person
    severity: str = "error"
    impact: str | None = None
    urgency: str | None = None
    people: int | None = None
    ack: float = 3
    restore: float = 35
    resolve: float = 30
    hypotheses: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    decision: str = ""
    resolution: str = ""
    workaround: str = ""
    public: tuple[tuple[str, str], ...] = ()  # (status, text)
    reporter: tuple[str, str] = ("", "")
    rejected: str = ""  # the reporter's first answer, if it is no
    weight: int = 1

    @property
    def category(self) -> str:
        return CATEGORY_OF[self.title]

    @property
    def tags(self) -> tuple[str, ...]:
        return TAGS_OF.get(self.title, ())


CATEGORY_OF = {
    "Card payments fail for some customers": "availability-errors-above-the-objective",
    "Checkout answers slowly": "performance-latency-above-the-objective",
    "Passkey sign-in loops back to the start": "access-and-identity",
    "New products are missing from search results": "performance-queue-or-backlog-growing",
    "Replication to the second site is behind": "data-replication-lag",
    "Connections above 95 %": "data-database",
    "Pictures load slowly in Frankfurt": "network-and-edge-cdn-or-load-balancer",
    "The front page answers with errors": "availability-service-down",
    "Prices without tax in the order history": "other",
    "Orders reach packing late": "supplier-or-saas-outage",
    "Order confirmations arrive an hour late": "supplier-or-saas-outage",
    "A newsletter shows a broken picture": "software",
    "Return labels do not print in Poznań": "hardware",
    "Revenue is counted twice on yesterday's dashboard": "software",
    "Nightly figures are late": "software",
    "The status feed lists one update twice": "change",
    "Card payments fail at checkout for EU customers": "availability-errors-above-the-objective",
    "CDN misses doubled in Frankfurt": "network-and-edge-cdn-or-load-balancer",
    "New products missing from search results": "performance-queue-or-backlog-growing",
    "Orders reach packing 25 minutes late": "supplier-or-saas-outage",
    "Order history shows prices without tax": "other",
    "Revenue counted twice on yesterday's dashboard": "software",
}
"""Where the desk files each kind; the keys are those of the seeded domains."""

TAGS_OF = {
    "Card payments fail for some customers": ("payments", "card schemes"),
    "Passkey sign-in loops back to the start": ("sign-in",),
    "Replication to the second site is behind": ("postgres",),
    "Connections above 95 %": ("postgres",),
    "Orders reach packing late": ("carrier",),
    "Orders reach packing 25 minutes late": ("carrier", "peak season"),
    "Order confirmations arrive an hour late": ("mail vendor",),
}
"""What people of the desk put on some of them, to find them again."""

SCENES = (
    Scene(
        "payments", "Card payments fail for some customers", "PaymentsAuthErrorRate", "critical",
        "extensive", "critical", 4200, ack=2.5, restore=38, resolve=25,
        hypotheses=(("The card processor has an outage", "ruled out"),
                    ("The new connection pool exhausts postgres-eu", "supported")),
        notes=("Authorisations fail with a time-out, not with a decline.", "498 of 500 connections in use."),
        decision="Roll back, do not raise the limit: a higher limit starves replication.",
        resolution="Rolled back to the release before. The pool size now follows the number of pods.",
        public=(("investigating", "Some card payments fail. Your card is not charged when you see the error."),
                ("identified", "We found the cause and are undoing a change."),
                ("resolved", "Card payments work again. Orders that failed can be placed once more.")),
    ),
    Scene(
        "checkout", "Checkout answers slowly", "CheckoutLatencyP99", "error", "significant", "high", 1800,
        restore=45, hypotheses=(("A slow query after the price import", "supported"),),
        notes=("p99 went from 0.9 s to 6 s at the minute of the import.",),
        resolution="Added the missing index and moved the import to the quiet hours.",
        public=(("investigating", "Checkout takes longer than usual. Orders do arrive."),
                ("resolved", "Checkout is as quick as before.")), weight=3,
    ),
    Scene(
        "identity", "Passkey sign-in loops back to the start", "SignInFailureRate", "error",
        "significant", "high", 2300, restore=60,
        hypotheses=(("Clocks differ between the pods", "ruled out"), ("A header is lost at the new proxy", "supported")),
        resolution="The proxy passes the header again; a test watches it.",
        public=(("investigating", "Signing in with a passkey may fail. A password works."),
                ("resolved", "Passkeys work again.")),
        workaround="Sign in with the password.", weight=2,
    ),
    Scene(
        "search", "New products are missing from search results", "SearchIndexLag", "warning",
        "moderate", "medium", 900, ack=9, restore=120, resolve=40,
        hypotheses=(("The indexer waits for a lock", "supported"),),
        resolution="Stopped the stuck job and started the indexer again. A time limit now ends such jobs.",
        public=(("investigating", "Products added today may be missing from search."),
                ("resolved", "Search shows all products again.")), weight=3,
    ),
    Scene(
        "postgres-eu", "Replication to the second site is behind", "PostgresReplicationLag", "error",
        "significant", "medium", None, restore=50,
        hypotheses=(("A long report holds back the replica", "supported"),),
        notes=("Lag grows by 40 MB a minute.",), resolution="Ended the report; reports now run on their own replica.",
        weight=2,
    ),
    Scene(
        "postgres-eu", "Connections above 95 %", "PostgresConnections", "critical", "significant", "critical", None,
        ack=2, restore=22, hypotheses=(("A deploy doubled the pods", "supported"),),
        resolution="Scaled the pods back. The pool size is counted per service now.", weight=2,
    ),
    Scene(
        "cdn", "Pictures load slowly in Frankfurt", "CdnMissRate", "warning", "moderate", "medium", 640, ack=8, restore=75,
        hypotheses=(("The provider drains a site", "supported"),),
        notes=("Their status page says nothing yet. Ticket opened with the provider.",),
        resolution="The provider put the site back in service.", weight=3,
    ),
    Scene(
        "storefront", "The front page answers with errors", "StorefrontErrorRate", "critical", "extensive", "high", 3100,
        ack=2, restore=18, hypotheses=(("A bad flag was switched on", "supported"),),
        resolution="Switched the flag off. Flags are now tried on one pod first.",
        public=(("investigating", "The shop shows errors to some visitors."), ("resolved", "The shop works again.")),
        weight=2,
    ),
    Scene(
        "catalogue", "Prices without tax in the order history", "CatalogueTaxMissing", "warning", "minor", "medium", 87,
        ack=14, restore=200, resolve=60, workaround="The invoice by mail is right.",
        resolution="The tax column is filled for old orders again.", weight=2,
    ),
    Scene(
        "warehouse-api", "Orders reach packing late", "WarehouseQueueAge", "error", "significant", "high", 1140,
        ack=6, restore=90, hypotheses=(("The label printer's queue is full", "ruled out"),
                                       ("The vendor's gateway limits us", "supported")),
        notes=("Vendor ticket opened, they see the same.",), resolution="The vendor raised the limit; we send in batches now.",
        public=(("investigating", "Some orders leave the warehouse later today."), ("resolved", "Orders leave on time again.")),
        reporter=("Wanda Mazur", "wanda@lantern.example"), weight=2,
    ),
    Scene(
        "mail", "Order confirmations arrive an hour late", "MailQueueAge", "warning", "moderate", "medium", 640,
        ack=11, restore=110, resolution="The provider cleared its queue; ours retries sooner now.",
        reporter=("Piet Jansen", "piet@customers.example"), weight=2,
    ),
    Scene(
        "status-site", "The status feed lists one update twice", "", "warning", "minor", "low", 3,
        ack=40, restore=300, resolve=60, resolution="The feed names each update once.",
        reporter=("Ada Lind", "ada@customers.example"),
    ),
    Scene(
        "mail", "A newsletter shows a broken picture", "", "warning", "minor", "low", 40, ack=35, restore=180,
        resolution="Sent again with the right address of the picture.", reporter=("Grit Maier", "grit@customers.example"),
        weight=2,
    ),
    Scene(
        "warehouse-api", "Return labels do not print in Poznań", "", "warning", "moderate", "medium", 22, ack=12,
        restore=150, resolve=30, workaround="Print them at the desk in hall 2.",
        resolution="The printer's driver was replaced.", reporter=("Wanda Mazur", "wanda@lantern.example"),
        rejected="Hall 3 still prints blank labels.", weight=2,
    ),
    Scene(
        "analytics", "Revenue is counted twice on yesterday's dashboard", "", "warning", "minor", "medium", 14, ack=25,
        restore=240, resolve=45, resolution="The import runs once; the day was counted again.",
        reporter=("Henrik Baum", "henrik@lantern.example"), weight=2,
    ),
    Scene(
        "analytics", "Nightly figures are late", "AnalyticsJobOverdue", "warning", "minor", "low", 14, ack=18, restore=130,
        resolution="The job waits for its data now instead of failing.", weight=3,
    ),
)  # fmt: skip

P1_NOW = Scene(
    "payments", "Card payments fail at checkout for EU customers", "PaymentsAuthErrorRate", "critical",
    "extensive", "critical", 9400,
)  # fmt: skip

AWAITING = Scene(
    "warehouse-api", "Return labels do not print in Poznań", "", "warning", "moderate", "medium", 22, ack=9,
    restore=120, resolve=20, resolution="The print server was restarted and its certificate renewed.",
    reporter=("Wanda Mazur", "wanda@lantern.example"),
)  # fmt: skip

# Still open at the end: how long ago each began (hours) and how far it has come.
OPEN_NOW = (
    (Scene("identity", "Passkey sign-in loops back to the start", "SignInFailureRate", "error", "significant", "high", 2300,
           notes=("Only browsers updated this week.",),
           public=(("investigating", "Signing in with a passkey may fail. A password works."), ("resolved", ""))), 1.4, "acknowledged"),
    (Scene("cdn", "CDN misses doubled in Frankfurt", "CdnMissRate", "warning", "moderate", "medium", None), 0.3, "acknowledged"),
    (Scene("search", "New products missing from search results", "SearchIndexLag", "warning", "moderate", "medium", 900,
           hypotheses=(("The indexer waits for a lock", ""),)), 5.5, "active"),
    (Scene("warehouse-api", "Orders reach packing 25 minutes late", "WarehouseQueueAge", "error", "significant", "high", 1140,
           notes=("Waiting for the vendor since noon.",)), 7, "on hold"),
    (Scene("catalogue", "Order history shows prices without tax", "CatalogueTaxMissing", "warning", "minor", "medium", 87,
           workaround="The invoice by mail is right."), 80, "workaround"),
    (Scene("analytics", "Revenue counted twice on yesterday's dashboard", "", "warning", "minor", "medium", 14,
           reporter=("Henrik Baum", "henrik@lantern.example")), 15, "acknowledged"),
    (Scene("mail", "Order confirmations arrive an hour late", "MailQueueAge", "warning", "moderate", "medium", 640), 9, "active"),
)  # fmt: skip
