import type { Shape } from '../deployment.js';
import type { Draw } from '../draw.js';
import type { Scene } from '../scene.js';

/** One kind of misfortune; each strike is counted. */
export interface FaultKind {
  readonly name: string;
  /** Between two strikes, on average. */
  readonly everySeconds: number;
  /** Left out: all. */
  readonly shapes?: readonly Shape[];
  /** Takes a server or a process away: no two of these at once, or nothing would ever work. */
  readonly isOutage?: true;
  /** What it did is undone by a deadline or by a proof, minutes later: a short run leaves it out. */
  readonly isSlow?: true;
  /** How often it struck: nothing may be there to strike. */
  readonly strike: (scene: Scene, draw: Draw) => Promise<number>;
}
