import { assertMaySend } from '../../providers/shared/call-scope.js';
import { ProviderError } from '../../providers/errors.js';
import type { BulkLaunching, PreparedLaunch, LaunchedMachine, Provider } from '../../providers/provider.js';

/** What a cloud does with one call, and what its caller hears of it. */
export interface CallPlan {
  readonly acts: boolean;
  /**
   * `answer`: machines, or a definite refusal; `unavailable`: 503; `throttled`; `death`: the caller's process dies;
   * `unsent`: there are no credentials to send anything with.
   */
  readonly hears: 'answer' | 'unavailable' | 'throttled' | 'death' | 'unsent';
  /**
   * Called between the last check and the call itself, and between the call and what is heard: where a process may
   * pause.
   */
  readonly pause?: (where: 'before' | 'after') => Promise<void>;
}

/**
 * A cloud that is idempotent by token, whose every call a test plans beforehand, and whose lists show machines late.
 * One that refuses a call for want of capacity has read no token.
 */
export class InDoubtCloud {
  /** By token. */
  readonly machines = new Map<string, LaunchedMachine[]>();
  /** How often machines were created for a token. */
  readonly creations = new Map<string, number>();
  /** Tokens whose machines no list shows yet. */
  readonly unlisted = new Set<string>();
  /** Calls that were sent, by token. */
  readonly sent = new Map<string, number>();

  /** The provider as one process sees it: its calls go as planned. */
  provider(plan: CallPlan): Provider {
    const launching: BulkLaunching = {
      kind: 'bulk',
      maxPerLaunch: 250,
      maxTokenAgeMs: 6 * 60 * 60_000,
      prepare: () => {
        throw new Error('nothing is rendered here');
      },
      submit: async (launch) => ({ machines: await this.submit(launch, plan), shortfall: [] }),
      find: async ({ token }) => ({
        machines: this.unlisted.has(token) ? [] : (this.machines.get(token) ?? []),
        shortfall: [],
        isSettled: false,
      }),
    };
    return { providerId: 'aws', launching } as unknown as Provider;
  }

  private async submit({ token, count }: PreparedLaunch, { acts, hears, pause }: CallPlan): Promise<LaunchedMachine[]> {
    if (hears === 'unsent') throw new ProviderError({ code: 'GivenUp', message: 'no token' });
    assertMaySend();
    await pause?.('before');
    this.sent.set(token, (this.sent.get(token) ?? 0) + 1);
    if (acts && hears !== 'throttled') this.create(token, count);
    await pause?.('after');
    if (hears === 'death') throw new Error('the process has died');
    if (hears === 'unavailable') throw new ProviderError({ code: 'Unavailable', message: '503' });
    if (hears === 'throttled') throw new ProviderError({ code: 'Throttled', message: 'slow down' });
    if (!acts) throw new ProviderError({ code: 'InsufficientCapacity', message: 'none left' });
    return this.machines.get(token) ?? [];
  }

  private create(token: string, count: number): void {
    if (this.machines.has(token)) return;
    this.creations.set(token, (this.creations.get(token) ?? 0) + 1);
    const location = { account: null, region: 'us-west-2', group: null };
    const ids = Array.from({ length: count }, (_, index) => `${token}-${index}`);
    this.machines.set(
      token,
      ids.map((workerId) => ({ workerGroup: 'us-west-2', workerId, location, identityAttributes: {} })),
    );
  }
}
