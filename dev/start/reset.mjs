/**
 * `npm run reset`: forgets what `npm start` keeps in .worker-manager/ (database, workflows, simulated machines, logs).
 */
import { rmSync } from 'node:fs';
import { endAllOrphans, isLauncher, launcherLock, stateDir } from '../../scripts/orphan-processes.mjs';
import { ownerOf } from '../../scripts/lock.mjs';
import { fail, say } from '../../scripts/node.mjs';

const owner = ownerOf(launcherLock);
if (isLauncher(owner)) fail(`npm start is running here (process ${owner}); stop it with Ctrl-C first`);
await endAllOrphans();
rmSync(stateDir, { recursive: true, force: true });
say('Forgotten: the next npm start begins anew');
