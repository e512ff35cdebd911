/** Runs StrykerJS on `domain/` (`stryker.config.mjs`), and compares what survives with the list of what may. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot, run } from './node.mjs';
import { compareSurvivors } from './survivors.mjs';

const reportPath = join(projectRoot, '.mutation', 'domain.json');
const listPath = 'test/mutation/survivors.md';

/** Whether enough was noticed, and nothing survived that is not listed. */
export async function mutateDomain() {
  const stryker = join(projectRoot, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js');
  rmSync(reportPath, { force: true });
  const { code } = await run(process.execPath, [stryker, 'run'], { cwd: projectRoot, stdio: 'inherit' });
  if (!existsSync(reportPath)) {
    console.log('domain/: Stryker gave no report');
    return false;
  }
  const report = JSON.parse(readFileSync(reportPath, 'utf8'));
  const found = compareSurvivors(report, readFileSync(join(projectRoot, listPath), 'utf8'));
  const words = {
    endless: 'noticed as an endless loop, by its count',
    listed: 'survived, and is listed',
    unreached: 'is reached by no test',
    stale: `is listed in ${listPath}, and did not survive`,
    unlisted: `SURVIVED, and is not listed in ${listPath}`,
    timedOut: 'CUT OFF by the clock: an endless loop that cannot be counted, or a machine that stood still',
    errors: 'COULD NOT BE RUN',
  };
  for (const [kind, meaning] of Object.entries(words))
    for (const name of found[kind]) console.log(`${name}\n    ${meaning}`);
  const survived = found.listed.length + found.unlisted.length;
  const failures = found.unlisted.length + found.timedOut.length + found.errors.length;
  const noticed = found.total - survived - found.timedOut.length - found.errors.length;
  console.log(
    `${noticed} of ${found.total} changes of domain/ noticed (${((100 * noticed) / found.total).toFixed(2)} %), ` +
      `${found.endless.length} of them as endless loops; ${survived} survived, ${found.listed.length} of them listed`,
  );
  return code === 0 && failures === 0;
}
