"""What Lantern learned: retrospectives as people there wrote them, and the action items that came of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Promise:
    """An action item: what, who, what it improves, and after how many days it was done (None: not yet)."""

    title: str
    owner: str
    improves: str
    within_days: int
    done_after_days: int | None


@dataclass(frozen=True, slots=True)
class Lesson:
    summary: str
    customer_impact: str
    contributing_factors: str
    what_went_well: str
    what_went_badly: str
    where_we_were_lucky: str
    promises: tuple[Promise, ...]

    @property
    def texts(self) -> dict[str, str]:
        return {
            "summary": self.summary,
            "customer_impact": self.customer_impact,
            "contributing_factors": self.contributing_factors,
            "what_went_well": self.what_went_well,
            "what_went_badly": self.what_went_badly,
            "where_we_were_lucky": self.where_we_were_lucky,
        }


LESSONS = {
    "Card payments fail for some customers": Lesson(
        summary="A new connection pool opened more connections than postgres-eu allows. Authorisations waited for a "
        "connection until they timed out. Rolling back freed them at once.",
        customer_impact="About one card payment in six failed for 38 minutes. Nobody was charged for a failed order.",
        contributing_factors="The pool size was set per pod, and the number of pods had doubled since.\n"
        "The limit of the database is alerted on at 95 %, which leaves two minutes.\n"
        "The change went to all regions at once.",
        what_went_well="The hypothesis about the processor was ruled out in four minutes, on the record.",
        what_went_badly="Nobody knew by heart who may roll back payments at night.",
        where_we_were_lucky="It happened in the afternoon, with the authors of the change at their desks.",
        promises=(
            Promise("Compute the pool size from the number of pods", "maren", "service", 10, 6),
            Promise("Warn at 80 % of the connections", "tomas", "tooling", 7, 3),
            Promise("Write down who may roll back payments", "ines", "runbook", 14, None),
        ),
    ),
    "Passkey sign-in loops back to the start": Lesson(
        summary="The new proxy dropped a header that the passkey check needs. Browsers went round in circles.",
        customer_impact="2,300 people could not sign in with a passkey for an hour; a password worked all the time.",
        contributing_factors="The proxy's list of headers was copied by hand.\nNo test signs in with a passkey.",
        what_went_well="The workaround was on the status page within ten minutes.",
        what_went_badly="Twenty minutes went into the clocks of the pods before anyone looked at the proxy.",
        where_we_were_lucky="Passwords still work; next year they may not.",
        promises=(
            Promise("Sign in with a passkey in the nightly test", "adaeze", "tooling", 14, 12),
            Promise("Generate the proxy's headers from the service's own list", "piotr", "service", 21, None),
        ),
    ),
    "The front page answers with errors": Lesson(
        summary="A flag that was made for one campaign was switched on for everybody. The page asked for prices that "
        "did not exist.",
        customer_impact="3,100 visitors saw an error for 18 minutes. Orders that had begun went through.",
        contributing_factors="Flags change everywhere at once.\nThe campaign had been prepared in another region only.",
        what_went_well="The alert named the flag, and the person on call could switch it off from the phone.",
        what_went_badly="The campaign's owner was not told before the flag was switched off.",
        where_we_were_lucky="The campaign's mail had not gone out yet.",
        promises=(
            Promise("Try flags on one pod first", "tomas", "process", 14, 9),
            Promise("Say in the flag who is to be told", "ines", "process", 10, 10),
        ),
    ),
    "Connections above 95 %": Lesson(
        summary="A deploy doubled the pods of two services at the same time; together they filled the database.",
        customer_impact="None that anyone noticed: the on-call engineer scaled back before the limit was reached.",
        contributing_factors="Two teams deployed in the same ten minutes.\nEach looked at its own dashboard.",
        what_went_well="The page came at 95 %, and two minutes were enough.",
        what_went_badly="The runbook sends you to a dashboard that was moved in spring.",
        where_we_were_lucky="Replication was not behind at that moment.",
        promises=(Promise("Put the database's dashboard into the runbook", "piotr", "runbook", 5, 2),),
    ),
}
