import { writeSync } from 'node:fs';
import { Socket } from 'node:net';

/**
 * Loaded before the product's own program (`--import`): the process stops itself, as SIGSTOP does, between two steps
 * that a test cannot get between. `STOPS_ITSELF_AT` lists moments, which it meets in this order: `before` it writes to
 * a socket what matches, which is held, or `after`. It stops at the last of them, and what was held leaves first when
 * it goes on.
 */
interface Moment {
  readonly writes: string;
  readonly when: 'before' | 'after';
}

const moments = JSON.parse(process.env['STOPS_ITSELF_AT'] ?? '[]') as Moment[];
const held: (() => void)[] = [];
let met = 0;

type Write = (this: Socket, bytes: Uint8Array | string, ...rest: unknown[]) => boolean;
const passOn = Reflect.get(Socket.prototype, 'write') as Write;

const writeOrStop: Write = function (bytes, ...rest) {
  const pass = () => passOn.call(this, bytes, ...rest);
  const moment = moments[met];
  if (!moment || !new RegExp(moment.writes, 's').test(textOf(bytes))) return pass();
  if (moment.when === 'after') return passOn.call(this, bytes, meet);
  held.push(pass);
  meet();
  return true;
};

function meet(): void {
  met += 1;
  writeSync(2, `stops-itself: met ${met}\n`);
  if (met < moments.length) return;
  process.kill(process.pid, 'SIGSTOP');
  for (const pass of held.splice(0)) pass();
}

const textOf = (bytes: Uint8Array | string): string =>
  typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1');

Socket.prototype.write = writeOrStop;
