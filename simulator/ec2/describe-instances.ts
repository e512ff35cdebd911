import { Refusal } from '../errors.js';
import type { Performed } from './performed.js';
import type { Cloud } from './cloud.js';
import { instanceFilters, readFilters } from './filters.js';
import type { Instance } from './instance.js';
import { resolveInstanceIds } from './instance-ids.js';
import type { Parameters } from './parameters.js';
import { renderInstance, renderReservation } from './render.js';
import { element, set } from './xml.js';

export function describeInstances(cloud: Cloud, region: string, parameters: Parameters, nowMs: number): Performed {
  const ids = parameters.list('InstanceId');
  const limit = readLimit(parameters, ids);
  const after = readNextToken(parameters);
  const matches = readFilters(parameters, instanceFilters(cloud, nowMs));
  const candidates = ids.length
    ? resolveInstanceIds(cloud, region, ids, nowMs, (instance) => cloud.listed(instance, nowMs))
    : [...cloud.all(nowMs)].filter((instance) => instance.region === region && cloud.listed(instance, nowMs));
  const found = candidates.filter((instance) => instance.sequence > after && matches(instance));
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const next = last && found.length > page.length ? Buffer.from(`after ${last.sequence}`).toString('base64') : null;
  return {
    body: set('reservationSet', renderReservations(cloud, page, nowMs)) + element('nextToken', next),
    details: { returned: page.length, more: next !== null, ...(ids.length && { ids }) },
  };
}

/** Machines of one launch stand together, within a page. */
function renderReservations(cloud: Cloud, page: readonly Instance[], nowMs: number): string[] {
  const byReservation = Map.groupBy(page, (instance) => cloud.launchOf(instance));
  return [...byReservation].map(([launch, instances]) =>
    renderReservation(
      launch,
      instances.map((instance) => renderInstance(cloud, instance, nowMs)),
    ),
  );
}

function readLimit(parameters: Parameters, ids: readonly string[]): number {
  const text = parameters.get('MaxResults');
  if (text === undefined) return Infinity;
  if (ids.length) {
    throw new Refusal(
      'InvalidParameterCombination',
      'The parameter instancesSet cannot be used with the parameter maxResults',
    );
  }
  const value = Number(text);
  if (!Number.isInteger(value) || value < 5 || value > 1000) {
    throw new Refusal(
      'InvalidParameterValue',
      `Value ( ${text} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.`,
    );
  }
  return value;
}

/** Pages go on behind the last machine that was shown, so one that appears or goes meanwhile shifts nothing. */
function readNextToken(parameters: Parameters): number {
  const token = parameters.get('NextToken');
  if (token === undefined) return 0;
  const after = /^after (\d+)$/.exec(Buffer.from(token, 'base64').toString())?.[1];
  if (after === undefined) throw new Refusal('InvalidPaginationToken', 'The pagination token is not valid.');
  return Number(after);
}
