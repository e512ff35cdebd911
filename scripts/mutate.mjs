/** `npm run mutate`: changes the product and expects a test to notice. No part of `npm test`: it takes long. */
import { ensureInstalled } from './install.mjs';
import { mutateDomain } from './mutate-domain.mjs';
import { ensureNode } from './node.mjs';

const help = `npm run mutate                     both parts, one after the other
npm run mutate -- domain           StrykerJS on the pure rules of domain/; at least 90 % of the changes must be noticed, and
                                   what survives must be listed with a reason (test/mutation/survivors.md)
npm run mutate -- guards           removes each guard marked in the code, one after the other; its test must fail
npm run mutate -- guards NAME…     only these guards; a name may be a part of one

On two quiet cores domain/ takes about a minute, the guards about 25. A line for each guard says whether it was caught, by which
test, in how many seconds; the last one counts. The code is changed in a copy (.mutation/), never in the working tree. What each
test said is in .mutation/guards.json and .mutation/domain.json. The exit code is 1 when something survived unlisted.
`;

const [part = 'all', ...names] = process.argv.slice(2);
if (part === '--help' || part === '-h') {
  console.log(help);
} else if (!['all', 'domain', 'guards'].includes(part) || (part !== 'guards' && names.length > 0)) {
  console.error(help);
  process.exitCode = 2;
} else {
  await ensureNode();
  await ensureInstalled();
  const parts = { domain: mutateDomain, guards: removeGuards };
  const chosen = part === 'all' ? Object.keys(parts) : [part];
  let isCaught = true;
  for (const each of chosen) isCaught = (await parts[each](names)) && isCaught;
  process.exitCode = isCaught ? 0 : 1;
}

/** Loaded late: it needs packages. */
async function removeGuards(wanted) {
  const { removeGuards: remove } = await import('./remove-guards.mjs');
  return await remove(wanted);
}
