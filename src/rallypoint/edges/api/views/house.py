"""People, teams, services, integrations, keys and figures, as the API shows them."""

from datetime import date, datetime

from pydantic import Field

from rallypoint.edges.api.words import View


class PersonView(View):
    id: int
    name: str
    email: str
    phone: str
    time_zone: str
    roles: list[str]
    active: bool
    created_at: datetime


class MethodView(View):
    id: int
    person_id: int
    kind: str
    label: str
    address: str
    verified_at: datetime | None
    disabled_at: datetime | None


class NewMethodView(MethodView):
    secret: str | None = Field(description="A webhook's signing secret, where it was made up here; shown this once.")


class RuleView(View):
    person_id: int
    urgency: str
    position: int
    after_minutes: int
    contact_method_id: int


class TeamView(View):
    id: int
    key: str
    name: str
    time_zone: str
    email: str
    manager_id: int | None


class KeyView(View):
    id: int
    name: str
    hint: str = Field(description="Its first letters, to tell it from others.")
    roles: list[str]
    scopes: list[str] | None
    person_id: int | None
    created_by: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKeyView(View):
    token: str = Field(description="Shown this once.")
    key: KeyView


class AuditView(View):
    number: int
    at: datetime
    actor_kind: str
    actor_name: str
    origin: str
    action: str
    subject: str
    detail: str


class ServiceView(View):
    id: int
    key: str
    name: str
    description: str
    domain_id: int
    team_id: int | None
    tier: int
    hosting: str
    layer: str
    public: bool
    retired: bool


class RunbookView(View):
    id: int
    title: str
    url: str


class ServiceDetail(ServiceView):
    needs: list[str] = Field(description="Keys of the services it depends on.")
    needed_by: list[str]
    runbooks: list[RunbookView]


class CategoryView(View):
    id: int
    parent_id: int | None
    key: str
    name: str
    type_class: str


class StatusView(View):
    key: str
    name: str
    category: str
    position: int


class DomainView(View):
    id: int
    key: str
    name: str
    workflow: str
    closure_policy: str
    description: str


class FieldView(View):
    """A field that incidents of the domain have besides ours."""

    key: str
    name: str
    kind: str
    choices: list[str]
    hint: str
    position: int
    retired: bool


class DomainDetail(DomainView):
    statuses: list[StatusView]
    categories: list[CategoryView]
    fields: list[FieldView]


class IntegrationView(View):
    id: int
    name: str
    kind: str
    service_id: int | None
    key_prefix: str
    disabled: bool
    created_at: datetime
    last_seen_at: datetime | None


class NewIntegrationView(View):
    key: str = Field(description="Shown this once.")
    url: str
    integration: IntegrationView


class MeView(View):
    """Whose key this is, and what it may do."""

    kind: str
    name: str
    person_id: int | None
    roles: list[str]
    permissions: list[str]


class MeasureView(View):
    """n, median and p90 beside any mean; null where it is not applicable."""

    key: str
    short: str
    name: str
    definition: str
    unit: str
    n: int
    median: float | None
    p90: float | None
    mean: float | None
    low: float | None
    high: float | None
    not_applicable: int
    pending: int
    invalid: int = Field(description="Times that contradict each other: left out of the figures, and named.")
    invalid_numbers: list[int]
    trend: str = Field(description="Against the window of the same length before it, whose figures are `before_*`.")
    before_n: int
    before_median: float | None
    before_low: float | None
    before_high: float | None


class AdherenceView(View):
    """How often one target was kept at one priority; `share` is null while nothing is decided."""

    priority: str
    kind: str
    met: int
    breached: int
    running: int
    paused: int
    stopped: int
    paused_minutes: float
    share: float | None
    low: float | None
    high: float | None


class UptimeView(View):
    """Time between failures of one service; null where it did not fail in the window."""

    key: str
    name: str
    incidents: int
    failures: int
    downtime_minutes: float
    window_minutes: float
    mtbf_minutes: float | None
    mtbf_text: str = Field(description="In words: a service that did not fail has lasted longer than the window.")
    start_unknown: int = Field(description="Incidents whose impact began at an unknown time: not counted as downtime.")
    invalid: int


class WeekView(View):
    starts_on: date
    opened: int
    n: int
    median: float | None
    low: float | None
    high: float | None
    p90: float | None


class CategoryFiguresView(View):
    name: str
    n: int
    share: float
    resolved: int
    median: float | None
    p90: float | None


class RepeatsView(View):
    """Incidents that had a like one within `days` before."""

    days: int
    repeated: int
    resolved: int
    share: float | None
    low: float | None
    high: float | None
    not_applicable: int
    numbers: list[int]


class NightView(View):
    """Pages of one person by two hours of their own day: 12 cells, from midnight."""

    person_id: int
    name: str
    time_zone: str
    cells: list[int]
    pages: int
    at_night: int


class LeftOutView(View):
    drills: int
    cancelled: int
    merged: int
    service_requests: int


class MetricsView(View):
    since: datetime
    until: datetime
    counted: int = Field(description="Incidents in the window.")
    left_out: LeftOutView = Field(description="What the figures do not count, and why.")
    measures: list[MeasureView]
    sla: list[AdherenceView]
    by_service: list[UptimeView]
    by_week: list[WeekView]
    by_category: list[CategoryFiguresView]
    repeats: RepeatsView
    pages: list[NightView]
    pages_total: int
    pages_at_night: int
