import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/** A program on a pseudo-terminal (of `script`), whose screen a test reads and whose keys it presses. */
export interface Terminal {
  /** What was drawn last, from the top left corner on, without colours. */
  screen(): string;
  /** Everything that was ever written, as it was. */
  written(): string;
  press(keys: string): void;
  readonly ended: Promise<number>;
  stop(): void;
}

const HOME = '\u001B[H';

export function onTerminal(command: readonly string[], env: NodeJS.ProcessEnv): Terminal {
  const program = command.map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qefc', `stty cols 140 rows 30; exec ${program}`, '/dev/null'], { env });
  let written = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written += text));
  return {
    screen: () => stripVTControlCharacters(written.split(HOME).at(-1)!),
    written: () => written,
    press: (keys) => child.stdin.write(keys),
    ended: new Promise((resolve) => child.on('close', (code) => resolve(code ?? -1))),
    stop: () => child.kill(),
  };
}
