/**
 * Every line that we log ourselves, by its name (the line's `msg`): one event each, with just these fields. Dashboards
 * and alerts rely on the names. `docs/reference/logs.md` shows the same table; a test holds the two together. Instants
 * are ISO text where people read them, durations are seconds.
 */
interface LogEvent {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly meaning: string;
  readonly fields: readonly string[];
}

const worker = ['workerPoolId', 'workerGroup', 'workerId', 'workflowId', 'providerId'] as const;
const launched = [...worker, 'launchConfigId', 'launchToken'] as const;

export const logEvents = {
  serving: { level: 'info', meaning: 'The process has begun its work.', fields: ['role', 'deploymentId'] },
  listening: { level: 'info', meaning: 'The API accepts calls.', fields: ['address'] },
  stopping: { level: 'info', meaning: 'A signal stops the process.', fields: ['signal'] },
  'stopped-unfinished': {
    level: 'warn',
    meaning: 'Work still ran when the grace was over; the next process goes on with it.',
    fields: ['graceSeconds'],
  },
  'rejection-unhandled': {
    level: 'error',
    meaning: 'Code that nobody waits for has failed, in a vendor’s SDK most likely; the process goes on.',
    fields: ['err'],
  },
  'provider-health': {
    level: 'info',
    meaning:
      'The state of a provider has changed for this process: ok, or failed since then, for this reason; until it is ok it launches nothing.',
    fields: ['providerId', 'state', 'message', 'since'],
  },
  'worker-pool-unusable': {
    level: 'warn',
    meaning:
      'The pool’s definition was accepted once and would be refused today, for this reason; launches of it fail.',
    fields: ['workerPoolId', 'reason'],
  },
  'database-connection-broke': {
    level: 'warn',
    meaning: 'A connection to Postgres was lost; it is replaced.',
    fields: ['err'],
  },
  'database-refuses-writes': {
    level: 'error',
    meaning:
      'The database can be read and takes no change: it is read-only, or its disk is full. Nothing is launched or removed until it does; said once, whatever fails of it.',
    fields: ['why', 'err'],
  },
  'database-takes-writes': {
    level: 'info',
    meaning:
      'No change has been refused for a while: work goes on where it stopped. `seconds`: for how long it did not.',
    fields: ['why', 'seconds'],
  },
  'advice-not-heard': {
    level: 'warn',
    meaning:
      'This process does not hear when advice to workers changes; until it does, it reads each answer to `shouldWorkerTerminate` from the database.',
    fields: ['err'],
  },
  'advice-heard': {
    level: 'info',
    meaning: 'This process hears again when advice to workers changes.',
    fields: [],
  },
  'database-migrating': {
    level: 'info',
    meaning: 'A migration of Postgres is under way; `waits`: in another process, for which this one waits.',
    fields: ['seconds', 'waits'],
  },
  'dependency-unusable': {
    level: 'error',
    meaning: 'What the process needs has not answered for so long that the process ends, with exit code 2.',
    fields: ['dependency'],
  },

  'worker-requested': {
    level: 'info',
    meaning: 'A launch created this machine; its row is written.',
    fields: [...launched, 'terminateAfter'],
  },
  'worker-running': {
    level: 'info',
    meaning: 'The worker has registered (static: it was created).',
    fields: [...launched, 'terminateAfter', 'registrationDuration'],
  },
  'worker-credentials': {
    level: 'debug',
    meaning: 'A running worker got new credentials: it registered again, or a static one registered.',
    fields: [...launched, 'terminateAfter'],
  },
  'worker-quarantine': {
    level: 'info',
    meaning: 'The queue gives the worker no work until then; null: it gives it work again.',
    fields: [...launched, 'quarantineUntil'],
  },
  'worker-removed': {
    level: 'info',
    meaning: 'The worker is being removed, for this reason.',
    fields: [...launched, 'reason', 'workerAge', 'runningDuration'],
  },
  'worker-row-refused': {
    level: 'error',
    meaning:
      'The database refuses for good that this worker is in this state: its machine goes all the same, and its lifecycle ends only when the row is taken.',
    fields: ['workerPoolId', 'workerGroup', 'workerId', 'workflowId', 'state', 'err'],
  },
  'worker-stopped': {
    level: 'info',
    meaning: 'Nothing is left of the worker.',
    fields: [...launched, 'reason', 'workerAge', 'runningDuration'],
  },
  'worker-error': {
    level: 'warn',
    meaning: 'An error was stored for the pool’s owner; the description is null where a worker reported it.',
    fields: ['workerPoolId', 'errorId', 'launchConfigId', 'workerGroup', 'workerId', 'kind', 'title', 'description'],
  },

  'launch-ended': {
    level: 'info',
    meaning: 'A launch has its answer: launched, short (fewer than requested) or failed.',
    fields: [
      'workerPoolId',
      'workflowId',
      'providerId',
      'launchConfigId',
      'launchToken',
      'outcome',
      'requested',
      'launched',
    ],
  },
  'worker-pool-provisioned': {
    level: 'info',
    meaning: 'A reconciliation of the pool launched something; the decision has the arithmetic.',
    fields: [
      ...['workerPoolId', 'workflowId', 'providerId', 'pendingTasks', 'claimedTasks'],
      ...['existingCapacity', 'requestedCapacity', 'stoppingCapacity', 'requested', 'launched', 'limitedBy'],
    ] as const,
  },
  'worker-pool-over-provisioned': {
    level: 'error',
    meaning: 'The pool has come to far more capacity than its maximum allows.',
    fields: ['workerPoolId', 'providerId', 'existingCapacity', 'maxCapacity'],
  },
  'workers-removed-by-force': {
    level: 'info',
    meaning:
      'A pool with `forcedRemoval` has workers above its maximum, or of a replaced provider or launch config: so many were due now, and so many are being removed.',
    fields: ['workerPoolId', 'due', 'removed', 'err'],
  },
  'worker-pool-gone': {
    level: 'info',
    meaning: 'A deleted pool had no worker left and was forgotten.',
    fields: ['workerPoolId'],
  },
  'demand-poll-failed': {
    level: 'warn',
    meaning: 'A poll of the queue got no answer for some pools, or ended before their turn; it names the first few.',
    fields: ['pools', 'workerPoolIds', 'failed', 'leftOut', 'err'],
  },
  'demand-unknown': {
    level: 'warn',
    meaning:
      'From now on the queue does not say how much work these pools have; they launch no more than their minimum.',
    fields: ['pools', 'workerPoolIds'],
  },
  'demand-known': {
    level: 'info',
    meaning: 'The queue says again how much work these pools have.',
    fields: ['pools', 'workerPoolIds'],
  },
  'pools-not-triggered': {
    level: 'warn',
    meaning:
      'A poll could not trigger some pools, because Temporal did not take it; the next poll does. It names a few.',
    fields: ['pools', 'workerPoolIds', 'err'],
  },
  'worker-poll-failed': {
    level: 'warn',
    meaning:
      'A poll of the queue’s workers got no answer for some pools, or lifecycles took no signal; none of them is inactive.',
    fields: ['pools', 'workerPoolIds', 'failed', 'leftOut', 'signals', 'err'],
  },
  'queue-refused': {
    level: 'warn',
    meaning:
      'The queue refuses this question (a scope is missing, or it has no such call); nobody is inactive, or no waits are known, while it does.',
    fields: ['question', 'scopes', 'err'],
  },
  'queue-not-read': {
    level: 'warn',
    meaning: 'A call about the queue’s workers got no answer from the queue; the caller should try again.',
    fields: ['question', 'err'],
  },
  'queue-answers': {
    level: 'info',
    meaning: 'The queue does not refuse this question any more.',
    fields: ['question'],
  },
  'calls-not-recorded': {
    level: 'warn',
    meaning:
      'Calls to a cloud could not be recorded as evidence; they were made. Said once, until some are recorded again.',
    fields: ['calls', 'err'],
  },
  'poll-not-recorded': {
    level: 'warn',
    meaning:
      'What a poll found could not be recorded as evidence; polls go on. Said once, until one is recorded again.',
    fields: ['err'],
  },
  'waits-not-recorded': {
    level: 'warn',
    meaning:
      'How long pending tasks have waited could not be recorded; charts lack it. Said once, until it is recorded again.',
    fields: ['err'],
  },
  'reconcile-request-failed': {
    level: 'warn',
    meaning: 'A request to reconcile a pool, or to scan a provider, failed; the Schedules make up for it.',
    fields: ['request', 'err'],
  },

  'pool-check-failed': {
    level: 'warn',
    meaning:
      'New tasks of a pool were heard of, and it could not be checked; the next poll does, and this line is not repeated.',
    fields: ['workerPoolId', 'err'],
  },
  'pulse-failed': {
    level: 'warn',
    meaning:
      'The publisher of messages, or the listener to the queue’s, cannot go on (no broker, or no database); it tries again, and this line is not repeated. Messages wait, and polls find the demand.',
    fields: ['part', 'err'],
  },
  'pulse-works': {
    level: 'info',
    meaning: 'The publisher of messages, or the listener to the queue’s, goes on.',
    fields: ['part'],
  },
  'message-refused': {
    level: 'warn',
    meaning:
      'A consumer’s queue did not take this message, again and again (it is full, for instance); the other queues have it, and it is not sent again.',
    fields: ['eventId', 'topic', 'refusals'],
  },
  'messages-dropped': {
    level: 'error',
    meaning: 'So many messages waited for the broker for seven days, or behind a million others, and are given up.',
    fields: ['messages'],
  },
  'message-impossible': {
    level: 'error',
    meaning: 'An event in the outbox makes no message that consumers know; it is dropped.',
    fields: ['eventId', 'topic'],
  },

  'mail-not-sent': {
    level: 'warn',
    meaning:
      'The notify service did not take a mail to this pool’s owner about its errors, or gave no answer; it is tried again after an hour, and this line is not repeated.',
    fields: ['workerPoolId', 'err'],
  },

  'scan-completed': {
    level: 'debug',
    meaning: 'A scan of all machines of a provider was completed, or was broken off.',
    fields: ['providerId', 'complete', 'machines', 'signalled', 'refused', 'unowned', 'seconds'],
  },
  'machines-without-worker': {
    level: 'info',
    meaning: 'A scan saw machines of ours that no worker owns (yet).',
    fields: ['providerId', 'unowned'],
  },
  'lifecycle-not-started': {
    level: 'info',
    meaning: 'A scan saw the machine change before its lifecycle was there; the pool’s next reconciliation starts it.',
    fields: ['workerPoolId', 'workerGroup', 'workerId', 'workflowId'],
  },
  'lifecycle-signal-failed': {
    level: 'warn',
    meaning: 'A lifecycle refuses what a scan saw; it is tried again, ever more rarely, and this line is not repeated.',
    fields: ['workerPoolId', 'workerGroup', 'workerId', 'workflowId', 'err'],
  },
  'lifecycle-replaced': {
    level: 'warn',
    meaning: 'A live worker had no lifecycle (somebody terminated it); a new one goes on from its row.',
    fields: ['workerPoolId', 'workerGroup', 'workerId', 'workflowId', 'state'],
  },
  'worker-outlives-lifecycle': {
    level: 'warn',
    meaning:
      'The database says that a worker is alive, and its lifecycle came to its end before: the database was restored. A new lifecycle removes whatever there is and records the end again.',
    fields: ['workerPoolId', 'workerGroup', 'workerId', 'workflowId', 'state', 'ended'],
  },
  'lifecycle-wedged': {
    level: 'error',
    meaning:
      'The workflow task of an open lifecycle fails again and again, so that nobody looks after its machine. Once a run.',
    fields: ['workerPoolId', 'workerGroup', 'workerId', 'workflowId', 'runId', 'attempts'],
  },
  'wedged-lifecycles-held': {
    level: 'error',
    meaning:
      'So many lifecycles are wedged that none is replaced: a release cannot replay them, most likely; go back to the one before.',
    fields: ['wedged', 'lifecycles'],
  },
  'wedged-lifecycle-act': {
    level: 'warn',
    meaning:
      'A wedged lifecycle was replaced by one that goes on from its row (replace), or that removes its machine (end); or the sweep deleted its machine (delete).',
    fields: ['workerPoolId', 'workerGroup', 'workerId', 'workflowId', 'act'],
  },
  'wedged-lifecycle-act-failed': {
    level: 'warn',
    meaning: 'That could not be done; the next sweep tries again, and this line is not repeated.',
    fields: ['workerPoolId', 'workerGroup', 'workerId', 'workflowId', 'act', 'err'],
  },
  'lifecycle-start-failed': {
    level: 'warn',
    meaning: 'A lifecycle could not be started; the sweep tries again, and this line is not repeated.',
    fields: ['start', 'workerPoolId', 'workerGroup', 'workerId', 'err'],
  },
  'lifecycle-list-incomplete': {
    level: 'warn',
    meaning: 'The list of open lifecycles was not read to its end in time; this sweep replaces none.',
    fields: ['listed', 'live'],
  },
  'schedule-failed': {
    level: 'warn',
    meaning:
      'A Schedule could not be created, updated or deleted; the next sweep tries again, and this line is not repeated.',
    fields: ['scheduleId', 'err'],
  },
  'rows-not-deleted': {
    level: 'warn',
    meaning:
      'Old rows of this table could not be deleted, or only some; the next sweep tries again, and this line is not repeated.',
    fields: ['table', 'skipped', 'err'],
  },
  'table-not-vacuumed': {
    level: 'warn',
    meaning:
      'The space of this table’s deleted rows could not be given back; the next sweep tries again, and this line is not repeated.',
    fields: ['table', 'err'],
  },
  'worker-pool-not-removed': {
    level: 'warn',
    meaning: 'A deleted pool could not be forgotten; the next sweep tries again, and this line is not repeated.',
    fields: ['workerPoolId', 'err'],
  },

  'api-call': { level: 'debug', meaning: 'A call was answered.', fields: ['operation', 'status', 'ms'] },
  'api-call-failed': {
    level: 'error',
    meaning: 'A fault of ours; the answer has the incident’s id.',
    fields: ['operation', 'incidentId', 'err'],
  },
  'live-read-failed': {
    level: 'warn',
    meaning: 'What open pages of the dashboard show could not be read; they say that they are out of date.',
    fields: ['topic', 'err'],
  },
  'registration-refused': {
    level: 'warn',
    meaning: 'A proof of identity did not hold, for this reason.',
    fields: [...worker, 'reason'],
  },
  'registration-undecided': {
    level: 'warn',
    meaning: 'A proof could not be checked now, for this reason; the machine should try again.',
    fields: [...worker, 'reason'],
  },
  'auth-service-failed': {
    level: 'error',
    meaning:
      'The auth service did not say who sent a request, for this reason: its sender was put off with 503. At most one line a minute; `failures`: since the line before.',
    fields: ['reason', 'failures'],
  },
  'credentials-use-not-recorded': {
    level: 'warn',
    meaning: 'That a worker called could not be written down; its next call tries again.',
    fields: ['err'],
  },
  'pool-change-signal-failed': {
    level: 'warn',
    meaning: 'A changed pool could not be triggered; its Schedule makes up for it.',
    fields: ['workerPoolId', 'err'],
  },
  'orphans-listed': {
    level: 'info',
    meaning: 'Some of what carries this deployment’s tag belongs to nobody; what became of it in this sweep.',
    fields: ['machines', 'orphans', 'adopted', 'removed', 'failed', 'oldestSeconds'],
  },
  'orphan-list-incomplete': {
    level: 'warn',
    meaning: 'A provider could not be listed to its end; no sweep removes an orphan until it can. Not repeated.',
    fields: ['providerId', 'err'],
  },
  'orphan-removals-held': {
    level: 'error',
    meaning:
      'For these reasons no orphan is removed; see docs/how-to/after-a-restore.md. `unknown`: of launches that the database does not know. Said once.',
    fields: ['reasons', 'machines', 'unknown', 'waiting'],
  },
  'orphan-removals-resumed': {
    level: 'info',
    meaning: 'Nothing keeps orphans from being removed any more.',
    fields: ['machines', 'unknown', 'waiting'],
  },
  'orphan-adopted': {
    level: 'info',
    meaning: 'A machine without an owner got a row and a lifecycle: its pool wants it.',
    fields: ['providerId', 'thingId', 'launchToken', 'workerPoolId'],
  },
  'orphan-removal': {
    level: 'warn',
    meaning: 'The removal of a machine, or of what was left of one, that belongs to nobody was begun.',
    fields: ['providerId', 'thingId', 'launchToken', 'workerPoolId'],
  },
  'orphan-act-failed': {
    level: 'warn',
    meaning: 'An orphan could not be adopted or removed; the next sweep tries again.',
    fields: ['providerId', 'thingId', 'launchToken', 'workerPoolId', 'err'],
  },
  'stray-lifecycle-ended': {
    level: 'warn',
    meaning: 'An open lifecycle whose worker has no row was cancelled: its machine is proven to be gone.',
    fields: ['workerPoolId', 'workerGroup', 'workerId', 'workflowId'],
  },
  'stray-lifecycle-not-ended': {
    level: 'warn',
    meaning: 'An open lifecycle whose worker has no row could not be ended; the next sweep tries again. Not repeated.',
    fields: ['workerPoolId', 'workerGroup', 'workerId', 'workflowId', 'err'],
  },
} as const satisfies Record<string, LogEvent>;

export type LogEventName = keyof typeof logEvents;
type Level<Name extends LogEventName> = (typeof logEvents)[Name]['level'];
type Fields<Name extends LogEventName> = { readonly [Field in (typeof logEvents)[Name]['fields'][number]]: unknown };
/** As much of a pino logger as is needed; a request's will do. */
export type Log<Levels extends LogEvent['level']> = Readonly<Record<Levels, (fields: object, message: string) => void>>;

/** Writes one event's line. */
export function logEvent<Name extends LogEventName>(log: Log<Level<Name>>, name: Name, fields: Fields<Name>): void {
  const level: Level<Name> = logEvents[name].level;
  log[level](fields, name);
}
