import { parseOptions } from './options.js';
import { startSimulator } from './simulator.js';

const options = parseOptions(process.argv.slice(2));
try {
  const simulator = await startSimulator(options);
  console.log(JSON.stringify({ ready: true, port: simulator.port, tlsPort: simulator.tlsPort }));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      simulator.stop();
      process.exit(0);
    });
  }
} catch (error) {
  console.error(`simulator: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
