import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { parse } from '@babel/parser';
import { expect, test } from '@jest/globals';
import { configKeys } from '../../config/keys.js';
import { logEvents } from '../../observability/log-events.js';
import { providerTypes } from '../../providers/configured.js';

/**
 * Names are the field's words (docs/glossary.md), one for one thing. These are words of an earlier dialect: as a part
 * of a name, at its beginning, or as a whole name. Ordinary English in comments and documents is a matter of review.
 */
const PART =
  /^(look(s|ed|ing)?|ticks?|ask(s|ed|ing)?|hint(s|ed|ing)?|book(s|ed|ing|ings)?|brakes?|thaw(s|ed)?|doubtful|unmade|told|heed(s|ed)?)$/;
const BEGINNING = /^(MOST|LONGEST|SHORTEST)_/;
const NAMES = new Set(
  `made heed carried settle settleAttempt whatAttemptsMade handOver carriesOn earlyEnd isNews isHollow pictureOf
  Rest restAfter restOfWorker nextRest Records openRecords Life LaunchOrder FrozenLaunch freezeLaunch frozen
  Remembering remembering Made isUnbegun isLeft isGoing neverBegun PassOutcome concludePass passId toldToTerminate spareAbove
  PoolFacts poolFacts BudgetNews SharedLook Turnstile Turns Refusals EngineRefused EngineBusy WorkerExists orStart answeredInTurn
  wirePool wireWorker wireOneWorker ourTags isOfOthers Place noneWithoutGroup rememberedLeft emptiest meanings meaningOf
  signOfLife signsOfLife SignsOfLife signs_of_life temporalFigures watched putAgain concernOf roomFor orNull titled
  noteRemembered unreadable RUN_LASTS_MS marks scan-seen pool-change-unannounced`.split(/\s+/),
);

const root = new URL('../../', import.meta.url).pathname;
const sources = (extensions: readonly string[]): string[] =>
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !/^(node_modules|dist)$/.test(entry.name))
    .flatMap(({ name }) =>
      readdirSync(join(root, name), { recursive: true, encoding: 'utf8' }).map((file) => join(name, file)),
    )
    .filter((file) => extensions.includes(extname(file)));

const partsOf = (name: string): string[] =>
  name.split(/[_$-]|(?<=[a-z0-9])(?=[A-Z])/).map((part) => part.toLowerCase());
const isDialect = (name: string): boolean =>
  NAMES.has(name) || BEGINNING.test(name) || partsOf(name).some((part) => PART.test(part));

/** Identifiers of a file, those of types and properties too. */
function identifiersOf(file: string): Set<string> {
  const isDeclaration = /\.d\.m?ts$/.test(file);
  const { tokens = [] } = parse(readFileSync(join(root, file), 'utf8'), {
    sourceType: 'module',
    tokens: true,
    plugins: file.endsWith('ts') ? [['typescript', { dts: isDeclaration }]] : [],
  });
  const names = (tokens as { type: { label?: string }; value?: unknown }[]).filter(({ type, value }) => {
    return (
      typeof value === 'string' && (type.label === 'name' || type.label === 'privateName' || type.label === '#name')
    );
  });
  return new Set(names.map(({ value }) => value as string));
}

test('no identifier is of the dialect', () => {
  const files = sources(['.ts', '.mts', '.mjs']);
  const found = files.flatMap((file) => [...identifiersOf(file)].filter(isDialect).map((name) => `${file}: ${name}`));
  expect(found).toEqual([]);
  expect(files.length).toBeGreaterThan(500);
});

test('no column, table or index is of the dialect', () => {
  const files = sources(['.sql']);
  const names = files.flatMap(
    (file) => readFileSync(join(root, file), 'utf8').replaceAll(/--.*$/gm, '').match(/\w+/g) ?? [],
  );
  expect(names.filter(isDialect)).toEqual([]);
  expect(names.length).toBeGreaterThan(100);
});

test('no log event or field of one is of the dialect', () => {
  const names = Object.entries(logEvents).flatMap(([name, { fields }]) => [name, ...fields]);
  expect(names.filter(isDialect)).toEqual([]);
});

test('no metric or label of one is of the dialect', () => {
  // The page lists exactly those of the code (test/unit/observability/reference.test.ts).
  const names = readFileSync(join(root, 'docs/reference/metrics.md'), 'utf8').match(/(?<=`)\w+(?=`)/g) ?? [];
  expect(names.filter(isDialect)).toEqual([]);
  expect(names.length).toBeGreaterThan(50);
});

test('no configuration key is of the dialect', () => {
  const names = configKeys(providerTypes).flatMap(({ path }) => path.split('.'));
  expect(names.filter(isDialect)).toEqual([]);
  expect(names.length).toBeGreaterThan(50);
});

test('no file, folder or guard is of the dialect', () => {
  const names = sources(['.ts', '.mts', '.mjs', '.sql', '.md', '.json']).flatMap((path) => path.split(/[/.]/));
  const guards = Object.keys(JSON.parse(readFileSync(join(root, 'test/mutation/guards.json'), 'utf8')) as object);
  expect([...names, ...guards].filter(isDialect)).toEqual([]);
  expect(guards.length).toBeGreaterThan(50);
});
