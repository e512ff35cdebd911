import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { GoogleProviderConfig } from '../../providers/google/config.js';
import { googleProvider } from '../../providers/google/provider.js';
import type { Provider } from '../../providers/provider.js';
import { type RecordedContext, recordedContext } from './provider-context.js';
import { ScriptedGoogle, type ScriptedAnswer, type SeenRequest } from './scripted-google.js';

type Answers = Record<string, ScriptedAnswer | ((request: SeenRequest) => ScriptedAnswer)>;

/** For the tests of one file: a Compute Engine that answers each call as its test says, and the provider before it. */
export function scriptedCompute() {
  let google: ScriptedGoogle;
  /** By method and the end of the path, the longest; before each test lists are empty, and the account is there. */
  const answers: Answers = {};
  beforeAll(async () => {
    google = await ScriptedGoogle.start();
    google.say = (request) => {
      const fits = (each: string): boolean => {
        const [method = '', path = ''] = each.split(' ');
        return method === request.method && request.path.endsWith(`/${path}`);
      };
      const [key] = Object.keys(answers)
        .filter(fits)
        .sort((a, b) => b.length - a.length);
      const answer =
        key === undefined ? ScriptedGoogle.refusal(400, 'invalid', `not scripted: ${request.path}`) : answers[key]!;
      return typeof answer === 'function' ? answer(request) : answer;
    };
  });
  afterAll(() => google.stop());
  beforeEach(() => {
    google.requests.length = 0;
    for (const key of Object.keys(answers)) delete answers[key];
    Object.assign(answers, {
      'GET serviceAccounts/1': { body: { email: 'worker@p.iam.gserviceaccount.com' } },
      'GET instances': instanceList([]),
      'GET operations': operationList([]),
    });
  });
  const config = (): GoogleProviderConfig => ({
    ...{ providerType: 'google', project: 'example-project', workerServiceAccountId: '1', jwksUrl: null },
    ...{ endpoint: google.url, draining: false },
  });
  return {
    answers,
    config,
    provider: (context: RecordedContext = recordedContext()): Provider => googleProvider(config(), context),
    requests: () => google.requests,
    queries: (path: string) => google.requests.filter((one) => one.path.endsWith(path)).map(({ query }) => query),
  };
}

export const instanceList = (items: object[], warning?: object): ScriptedAnswer => ({
  body: { kind: 'compute#instanceList', items, ...(warning && { warning }) },
});
export const operationList = (items: object[], warning?: object): ScriptedAnswer => ({
  body: { kind: 'compute#operationList', items, ...(warning && { warning }) },
});

/** A machine in a list. */
export const instance = (id: string, changes: object = {}) => ({
  ...{ id, name: `vm-${id}`, status: 'RUNNING', creationTimestamp: '2026-11-28T12:00:00.000-00:00' },
  ...changes,
});

/** Of a launch; it has ended. */
export const bulk = (changes: object = {}) => ({
  ...{ name: 'operation-1', status: 'DONE', operationType: 'bulkInsert', operationGroupId: 'group-1' },
  ...{ insertTime: '2026-11-28T12:00:00Z', ...created(2) },
  ...changes,
});
export const operation = (changes: object = {}): ScriptedAnswer => ({ body: bulk(changes) });
export const created = (count: number, deleted = 0) => ({
  instancesBulkInsertOperationMetadata: {
    perLocationStatus: { 'zones/us-central1-a': { createdVmCount: count, deletedVmCount: deleted } },
  },
});

/** Of one machine of a launch, which could not be created, or was. */
export const failedChild = (code: string, group = 'group-1') => ({
  ...{ name: `child-${code}`, status: 'DONE', operationType: 'insert', operationGroupId: group },
  error: { errors: [{ code, message: 'in words' }] },
});
export const child = (targetId: string, group = 'group-1') => ({
  ...{ name: `insert-${targetId}`, status: 'DONE', operationType: 'insert', operationGroupId: group, targetId },
});

export const notFound = (path: string): ScriptedAnswer =>
  ScriptedGoogle.refusal(404, 'notFound', `The resource '${path}' was not found`);
