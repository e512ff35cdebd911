export { poolCron } from './pool/pool-cron.js';
export { provisionPool } from './pool/provision-pool.js';
export { scanProvider } from './scan.js';
export { sweep } from './sweep.js';
export { watchDemand, watchWorkers } from './demand.js';
export { workerLifecycle } from './worker/worker-lifecycle.js';
