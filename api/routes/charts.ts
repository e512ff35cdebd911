import type { FastifyInstance } from 'fastify';
import { callOccurrences, demandLines, errorOccurrences, registrationLines } from '../../database/charts.js';
import { waitLines } from '../../database/queue-waits.js';
import { MAX_POLLS_MS, KEPT_SPAN_MS } from '../../database/demand-history.js';
import { beginsOf, type ChartName, countsOver, type Line, MAX_CHART_MS, spansOver } from '../../domain/charts.js';
import { ALL_POOLS, type Spans } from '../../domain/demand-history.js';
import { DAY_MS, HOUR_MS } from '../../domain/durations.js';
import type { ApiContext } from '../http/context.js';
import { inputError } from '../http/errors.js';
import { instantOf } from '../http/instants.js';
import { addOperation } from '../http/operation.js';
import { chart, chartParams, chartQuery } from '../schemas/charts.js';
import { poolParams } from '../schemas/common.js';
import { iso } from '../schemas/serialization.js';

interface Query {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Added to Taskcluster's calls (docs/taskcluster-compatibility.md#routes). */
export function addChartOperations(api: FastifyInstance, context: ApiContext): void {
  addOperation(api, {
    name: 'workerPoolChart',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'GET',
    path: '/worker-pool/:workerPoolId/charts/:chart',
    summary: 'Demand, waits, registrations, errors or calls of a pool over time',
    params: { ...poolParams, ...chartParams },
    query: chartQuery,
    scopes: ({ workerPoolId }) => [`worker-manager:get-worker-pool:${workerPoolId}`],
    response: chart,
    handle: ({ params, query }) => chartOf(context, params.workerPoolId, params.chart, query),
  });
  addOperation(api, {
    name: 'deploymentChart',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'GET',
    path: '/charts/:chart',
    summary: 'Demand, waits, registrations, errors or calls of all pools over time',
    params: chartParams,
    query: chartQuery,
    scopes: () => ['worker-manager:list-worker-pools'],
    response: chart,
    handle: ({ params, query }) => chartOf(context, ALL_POOLS, params.chart, query),
  });
}

async function chartOf({ db, now }: ApiContext, workerPoolId: string, name: ChartName, query: Query): Promise<object> {
  const to = instantOf('to', query.to) ?? now();
  const from = instantOf('from', query.from) ?? to - DAY_MS;
  if (from < 0 || from >= to || to - from > MAX_CHART_MS)
    throw inputError('from must be before to, by 31 days at most.');
  const spans = spansOver({ from, to }, minSpanMs(name, to - from));
  const { unit = 'count', lines, percentiles = [] } = await drawn[name](db, workerPoolId, spans);
  return { unit, spanMs: spans.spanMs, begins: beginsOf(spans).map(iso), lines, percentiles };
}

/** Errors are counted by the hour; polls are read one by one for a short time only. */
function minSpanMs(name: ChartName, lengthMs: number): number {
  if (name === 'errors') return HOUR_MS;
  return name === 'demand' && lengthMs > MAX_POLLS_MS ? KEPT_SPAN_MS : 0;
}

interface Drawn {
  readonly unit?: 'milliseconds';
  readonly lines: readonly Line[];
  readonly percentiles?: readonly object[];
}

const drawn: Record<ChartName, (db: ApiContext['db'], workerPoolId: string, spans: Spans) => Promise<Drawn>> = {
  demand: async (...about) => ({ lines: await demandLines(...about) }),
  waits: async (...about) => ({ unit: 'milliseconds', lines: await waitLines(...about) }),
  registrations: async (...about) => ({ unit: 'milliseconds', ...(await registrationLines(...about)) }),
  errors: async (...about) => ({ lines: countsOver(await errorOccurrences(...about), about[2]) }),
  calls: async (...about) => ({ lines: countsOver(await callOccurrences(...about), about[2]) }),
};
