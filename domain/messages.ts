/**
 * What is said over Pulse, the deployment's message broker: names of exchanges and words of routing keys are
 * Taskcluster's (docs/taskcluster-compatibility.md#events).
 */

const poolTopics = ['worker-pool-created', 'worker-pool-updated'] as const;
const launchConfigTopics = ['launch-config-created', 'launch-config-updated', 'launch-config-archived'] as const;
const workerTopics = ['worker-requested', 'worker-running', 'worker-removed', 'worker-stopped'] as const;
export const topics = [...poolTopics, ...launchConfigTopics, ...workerTopics, 'worker-pool-error'] as const;

export type PoolTopic = (typeof poolTopics)[number];
export type LaunchConfigTopic = (typeof launchConfigTopics)[number];
export type WorkerTopic = (typeof workerTopics)[number];
export type Topic = (typeof topics)[number];

/** As it is stored. */
export interface Event {
  readonly topic: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface Message {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The same for every deployment: consumers bind to these names, whatever the user of the broker is called. */
const EXCHANGES = 'exchange/taskcluster-worker-manager/v1/';
export const exchangeOf = (topic: Topic): string => `${EXCHANGES}${topic}`;

/** Null for a topic that this version does not know, and for a payload that makes no routing key. */
export function toMessage({ topic, payload }: Event): Message | null {
  if (!isTopic(topic)) return null;
  const words = isPoolTopic(topic) ? NO_WORDS : wordsOf(payload);
  const routingKey = ['primary', ...words, '_'].join('.');
  if (!words.every((word) => WORD.test(word))) return null;
  return { exchange: exchangeOf(topic), routingKey, body: payload };
}

const isTopic = (topic: string): topic is Topic => (topics as readonly string[]).includes(topic);
const isPoolTopic = (topic: Topic): boolean => (poolTopics as readonly string[]).includes(topic);

/** Seven words of at most 38 characters and their dots fit into the 255 bytes of a routing key. */
const WORD = /^[a-zA-Z0-9_-]{1,38}$/;
const NO_WORDS = Array.from({ length: 6 }, () => '_');

function wordsOf(payload: Event['payload']): string[] {
  const text = (name: string) => {
    const value = payload[name];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const [provisionerId, workerType] = text('workerPoolId')?.split('/') ?? [];
  const words = [
    text('providerId'),
    provisionerId,
    workerType,
    text('workerGroup'),
    text('workerId'),
    text('launchConfigId'),
  ];
  return words.map((word) => word ?? '_');
}

/** Messages of one key are delivered in their order: those about one worker, and those about one pool. */
export function orderKey({ payload }: Event): string {
  const { workerPoolId, workerGroup, workerId } = payload;
  return JSON.stringify([workerPoolId, workerGroup ?? null, workerId ?? null]);
}

/** Of Taskcluster's queue: a task waits for a worker. */
export const TASK_PENDING_EXCHANGE = 'exchange/taskcluster-queue/v1/task-pending';

/** Words of its routing key: primary, taskId, runId, workerGroup, workerId, provisionerId, workerType, and more. */
const PROVISIONER_WORD = 5;

/** Matches the messages about one pool's tasks. */
export function taskPendingPattern(workerPoolId: string): string {
  return ['primary', '*', '*', '*', '*', ...workerPoolId.split('/'), '#'].join('.');
}

/** The pool whose task is pending; null where the routing key says none. */
export function poolOfTaskPending(routingKey: string): string | null {
  const words = routingKey.split('.');
  const provisionerId = words[PROVISIONER_WORD];
  const workerType = words[PROVISIONER_WORD + 1];
  return provisionerId && workerType ? `${provisionerId}/${workerType}` : null;
}
