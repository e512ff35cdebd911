import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { configKeys } from '../../../config/keys.js';
import { logEvents } from '../../../observability/log-events.js';
import { providerTypes } from '../../../providers/configured.js';
import { Metrics } from '../../../observability/metrics.js';
import { nothingRecorded } from '../../support/recorded-metrics.js';

const page = readFileSync('docs/how-to/troubleshooting.md', 'utf8');
const [, ...sections] = page.split(/^## /m);
const questions = sections.map((text) => ({ title: text.split('\n')[0] ?? '', text }));

/** Names in code in the list item of a section that begins so. */
const namesOn = (text: string, label: string): string[] => {
  const [item = ''] = new RegExp(`^- ${label}: .*(\\n {2}.*)*`, 'm').exec(text) ?? [];
  return [...item.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
};

const { registry } = new Metrics(async () => nothingRecorded);
const ownMetrics = (await registry.getMetricsAsJSON()).map(({ name }) => name);
/** Those of Temporal's SDK are on the page of metrics. */
const sdkMetrics = [...readFileSync('docs/reference/metrics.md', 'utf8').matchAll(/`(temporal_\w+)`/g)].map(
  ([, name = '']) => name,
);

test('the troubleshooting page answers ten questions, each with log events, a metric, what to read and what to do', () => {
  expect(questions).toHaveLength(10);
  for (const { title, text } of questions) {
    expect([title, text.match(/^- (\w+): /gm)]).toEqual([title, ['- Log: ', '- Metric: ', '- Read: ', '- Do: ']]);
    expect([title, namesOn(text, 'Log').length > 0, namesOn(text, 'Metric').length > 0]).toEqual([title, true, true]);
  }
});

describe.each(questions)('the answer to "$title"', ({ text }) => {
  test('the answer names log events that exist', () => {
    expect(namesOn(text, 'Log').filter((name) => !(name in logEvents))).toEqual([]);
  });

  test('the answer names metrics that exist', () => {
    expect(namesOn(text, 'Metric').filter((name) => ![...ownMetrics, ...sdkMetrics].includes(name))).toEqual([]);
  });
});

test('every name on the troubleshooting page that looks like a log event, a metric or a configuration key is one', () => {
  const names = [...page.matchAll(/`([^`\s]+)`/g)].map(([, name = '']) => name);
  const keys = configKeys(providerTypes).map(({ path }) => path);
  const sectionsOfKeys = new Set(keys.map((path) => path.split('.')[0]));
  const unknown = names.filter((name) => {
    if (/^(worker_manager|temporal)_\w+$/.test(name)) return ![...ownMetrics, ...sdkMetrics].includes(name);
    if (/^[a-z]+\.\w+$/.test(name) && sectionsOfKeys.has(name.split('.')[0])) return !keys.includes(name);
    return /^[a-z]+(-[a-z]+)+$/.test(name) && name !== 'worker-manager-deployment' && !(name in logEvents);
  });
  expect(unknown).toEqual([]);
});
