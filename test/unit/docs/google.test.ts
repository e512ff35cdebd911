import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { checkDefinition } from '../../../providers/google/check-definition.js';
import { googlePoolSchema } from '../../../providers/google/pool-schema.js';
import { poolValidator } from '../../../providers/shared/pool-schema.js';

const page = readFileSync('docs/how-to/google.md', 'utf8');

test('the first pool of the page on Google is a definition that the provider takes', () => {
  const [, pool = ''] = /```json\n([^`]*)```/.exec(page) ?? [];
  const { config } = JSON.parse(pool) as { config: unknown };
  const validated = poolValidator(googlePoolSchema)(config);
  expect(checkDefinition(validated, undefined, () => null as never)).toMatchObject({ ok: true });
});

test('the role of the page on Google has the permissions of its table', () => {
  const [, role = ''] = /--permissions ([^ ]*)\ngcloud/.exec(page) ?? [];
  const table = /^\| permission[^]*?(?=\n\n)/m.exec(page)?.[0] ?? '';
  const wanted = [...table.matchAll(/`((?:compute|iam)\.[\w.]+)`/g)].map(([, name]) => name);
  const given = role.replaceAll('\\\n', '').split(',');
  // The account that machines run as has its own binding.
  expect(new Set(given)).toEqual(new Set(wanted.filter((name) => name !== 'iam.serviceAccounts.actAs')));
});
