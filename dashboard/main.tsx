import { render } from 'preact';
import { App } from './app.js';
import { lost } from './freshness.js';
import { loadSession, me } from './session.js';

const RETRY_MS = 3_000;

/** Who looks at it is asked until somebody answers. */
async function start(): Promise<void> {
  await loadSession().catch(lost);
  if (me.value === null) setTimeout(() => void start(), RETRY_MS);
}

render(<App />, document.getElementById('app')!);
void start();
