import { runLive } from './run.js';

process.exitCode = (await runLive(process.env, (line) => console.log(line))) ? 0 : 1;
