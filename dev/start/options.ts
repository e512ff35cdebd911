import { Command, InvalidArgumentError } from 'commander';

export interface StartOptions {
  /** Stop by itself after so many seconds; null: never. */
  readonly forSeconds: number | null;
  readonly feed: boolean;
  readonly seed: number;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed.');
  return Number(text);
}

/** Reads the command line; prints help or what is wrong, and exits then. */
export function parseStartOptions(argv: readonly string[]): StartOptions {
  const command = new Command('npm start --')
    .description(
      'Starts everything on this computer: Temporal and its web interface, the worker manager, a simulated cloud. No cloud is called.',
    )
    .option('--for <seconds>', 'stop after so many seconds', wholeNumber)
    .option('--no-feed', 'no tasks but those that you add (npm run demo -- tasks …)')
    .option('--seed <number>', 'of the tasks that are fed', wholeNumber, 1)
    .allowExcessArguments(false);
  const { for: forSeconds, ...rest } = command
    .parse(argv, { from: 'user' })
    .opts<{ for?: number; feed: boolean; seed: number }>();
  return { ...rest, forSeconds: forSeconds ?? null };
}
