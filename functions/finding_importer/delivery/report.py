"""One account's findings: imported there, or stood in for, and told to people."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from .. import log
from ..aws import Credentials
from ..errors import AccountAccessError, NotificationError, QueueError
from ..findings.finding import Asff
from ..findings.refusal import Cause, Refusal, Remedy
from ..matching.detection import Priority
from ..notifications import notification
from ..notifications.deduplicator import Once, Told
from ..notifications.directory import GONE, Account, Directory
from ..notifications.notification import NotificationTopic, Place, Standing
from ..sources.job import Job
from .accounts import OwningAccounts
from .imported import Imported
from .queues import Queues
from .security_hub import SecurityHub

# A role that was made anew makes its sessions unknown, as if the region were not enabled.
_STALE_CREDENTIALS = frozenset({Cause.CREDENTIALS_EXPIRED, Cause.REGION_NOT_ENABLED})
_SUSPENDED = frozenset({"SUSPENDED", "PENDING_CLOSURE", "CLOSED"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job."""

    standing: Standing
    again: bool  # something of it is left to be tried
    promised: bool = False  # the queue has it already, as a job that knows of its stand-in
    told: Told | None = None  # None: nobody was told in this invocation


type HasTime = Callable[[], bool]  # for one more step in this invocation
type Refusals = Mapping[str, Refusal]  # by the finding's Id
type Outcomes = dict[str, Outcome]  # by the finding's Id


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Safe to use for several accounts at once."""

    security_account: str
    accounts: OwningAccounts
    hub_of: Callable[[Credentials | None], SecurityHub]  # None: the function's own
    queues: Queues
    directory: Directory
    once: Once
    imported: Imported
    topics: Mapping[Priority, NotificationTopic]

    def report(self, account: str, jobs: Sequence[Job], has_time: HasTime) -> Outcomes:
        """Do for each job what can be done now; nothing is raised for what AWS answers.

        What there is no time left for is tried again.
        """
        if not has_time():
            return not_done(jobs, Refusal(Cause.NO_TIME_LEFT, ""))
        self.directory.look_up(account)
        refused = self._import(account, [job.finding.asff for job in jobs])
        taken, stood_in = [], []
        outcomes: Outcomes = {}
        for job in jobs:
            match refused.get(job.finding.id):
                case None:
                    taken.append(job)
                case Refusal(remedy=Remedy.STAND_IN):
                    stood_in.append(job)
                case refusal:
                    outcomes[job.finding.id] = _not_imported(refusal)
        outcomes |= self._note_imported(taken, has_time)
        outcomes |= self._stand_in(stood_in, self._known_better(account, refused), has_time)
        return {job.finding.id: self._tell(job, outcomes[job.finding.id], has_time) for job in jobs}

    def _import(self, account: str, findings: Sequence[Asff]) -> dict[str, Refusal]:
        """Into the owning account's hub; once more where the credentials may be stale."""
        refused = self._import_once(account, findings)
        stale = [
            finding
            for finding in findings
            if (why := refused.get(finding["Id"])) and why.cause in _STALE_CREDENTIALS
        ]
        if not stale or account == self.security_account:
            return refused
        self.accounts.forget(account)
        again = {finding["Id"] for finding in stale}
        rest = {id_: why for id_, why in refused.items() if id_ not in again}
        return rest | self._import_once(account, stale)

    def _import_once(self, account: str, findings: Sequence[Asff]) -> dict[str, Refusal]:
        if account == self.security_account:
            return self.hub_of(None).import_findings(findings)
        try:
            credentials = self.accounts.credentials(account)
        except AccountAccessError as error:
            return {finding["Id"]: error.refusal for finding in findings}
        return self.hub_of(credentials).import_findings(findings)

    def _note_imported(self, jobs: Sequence[Job], has_time: HasTime) -> Outcomes:
        if jobs and jobs[0].finding.account != self.security_account and has_time():
            self.imported.remember(job.finding.id for job in jobs)
        return self._archive_stand_ins(jobs)

    def _archive_stand_ins(self, jobs: Sequence[Job]) -> Outcomes:
        """The owning account has the findings: what stood in for them must not count twice."""
        archived = [job.finding.archived_stand_in() for job in jobs if job.stand_in]
        refused = self.hub_of(None).import_findings(archived) if archived else {}
        for job in jobs:
            why = refused.get(job.finding.id)
            _log("finding imported" if why is None else "stand-in not archived", job, why)
        return {
            job.finding.id: Outcome(Standing(Place.OWNING_ACCOUNT), job.finding.id in refused)
            for job in jobs
        }

    def _stand_in(
        self, refused_jobs: Sequence[Job], refused: Refusals, has_time: HasTime
    ) -> Outcomes:
        """Import into the security account, and see to it that the owner gets them later.

        That comes first: once a stand-in is there, a job that knows of it must be in the queue.
        """
        own = [job for job in refused_jobs if job.finding.account == self.security_account]
        if own or not has_time():
            return {job.finding.id: _not_imported(refused[job.finding.id]) for job in refused_jobs}
        there = self.imported.among(job.finding.id for job in refused_jobs)
        imported = [job for job in refused_jobs if job.finding.id in there]
        others = [job for job in refused_jobs if job.finding.id not in there]
        return self._archive_stand_ins(imported) | self._stand_in_for(others, refused)

    def _stand_in_for(self, jobs: Sequence[Job], refused: Refusals) -> Outcomes:
        if not jobs:
            return {}
        if (new := [job for job in jobs if not job.stand_in]) and not self._promised(new):
            return {job.finding.id: _not_imported(refused[job.finding.id]) for job in jobs}
        stand_ins = [job.finding.stand_in(refused[job.finding.id]) for job in jobs]
        refused_here = self.hub_of(None).import_findings(stand_ins)
        return {
            job.finding.id: self._stood_in(
                job, refused[job.finding.id], refused_here.get(job.finding.id)
            )
            for job in jobs
        }

    def _promised(self, jobs: Sequence[Job]) -> bool:
        try:
            self.queues.try_again([job.with_stand_in() for job in jobs])
        except QueueError as error:
            log.error("stand-in not promised", reason=str(error))
            return False
        return True

    def _stood_in(self, job: Job, refusal: Refusal, refused_here: Refusal | None) -> Outcome:
        """A job that knows of its stand-in stays in the queue; another one has just left it one."""
        if refused_here is None:
            _log("finding imported in the owning account's stead", job, refusal)
            standing = Standing(Place.SECURITY_ACCOUNT, refusal)
        else:
            _log("stand-in not imported", job, refused_here)
            standing = Standing(Place.NOWHERE_YET, refusal)
        return Outcome(standing, again=job.stand_in, promised=not job.stand_in)

    def _known_better(self, account: str, refused: Refusals) -> dict[str, Refusal]:
        """A role that cannot be assumed may be so because there is no account to assume it in."""
        known = self.directory.account(account) if refused else Account()
        cause = Cause.ACCOUNT_GONE if known == GONE else Cause.ACCOUNT_SUSPENDED
        if known != GONE and known.status not in _SUSPENDED:
            return dict(refused)
        return {id_: why.because(cause) for id_, why in refused.items()}

    def _tell(self, job: Job, outcome: Outcome, has_time: HasTime) -> Outcome:
        if not has_time():
            return replace(outcome, again=not outcome.promised)
        finding = job.finding
        topic = self.topics[finding.detection.priority]

        def publish() -> None:
            known = self.directory.account(finding.account)
            topic.publish(notification.compose(finding, outcome.standing, known))

        try:
            told = self.once.tell(finding.id, publish)
        except NotificationError as error:
            _log("notification not published", job, error)
            return replace(outcome, again=not outcome.promised)
        _log(f"notification {told.value}", job, None)
        again = outcome.again or (told is Told.BY_ANOTHER and not outcome.promised)
        return replace(outcome, told=told, again=again)


def not_done(jobs: Sequence[Job], refusal: Refusal) -> Outcomes:
    return {job.finding.id: _not_imported(refusal) for job in jobs}


def _not_imported(refusal: Refusal) -> Outcome:
    if refusal.remedy is Remedy.NONE:
        return Outcome(Standing(Place.PUT_ASIDE, refusal), again=False)
    return Outcome(Standing(Place.NOWHERE_YET, refusal), again=True)


def _log(step: str, job: Job, why: Refusal | NotificationError | None) -> None:
    finding = job.finding
    write = log.info if why is None else log.warning
    reason = {} if why is None else {"reason": str(why)}
    write(
        step,
        event_id=finding.event.event_id,
        account=finding.account,
        detection=finding.detection.name,
        finding=finding.id,
        **reason,
    )
