export { poolCron } from './pool-cron.js';
export { provisionPool } from './provision-pool.js';
export { scanProvider } from './scan-provider.js';
export { sweep } from './sweep.js';
export { watchDemand } from './watch-demand.js';
export { watchWorkers } from './watch-workers.js';
export { workerLifecycle } from './worker-lifecycle.js';
