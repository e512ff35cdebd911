/** `npm run reset`: forgets what `npm start` keeps in .worker-manager/ (records, workflows, simulated machines, logs). */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, ownerOf } from './lock.mjs';
import { fail, projectRoot, say } from './node.mjs';

const state = join(projectRoot, '.worker-manager');
const owner = ownerOf(join(state, 'launcher.lock'));
if (isAlive(owner)) fail(`npm start is running here (process ${owner}); stop it with Ctrl-C first`);
rmSync(state, { recursive: true, force: true });
say('Forgotten: the next npm start begins anew');
