import { relative } from 'node:path';
import { stateDir } from '#scripts/orphan-processes.mjs';
import { lifecyclesLink, scheduleLink } from './links.js';
import type { Running } from './state.js';

export interface BannerFacts {
  /** Pools that this start created. */
  readonly created: readonly string[];
  readonly firstPool: string;
  readonly feeding: boolean;
}

/** Where each thing is, once everything runs. */
export function bannerLines(running: Running, { created, firstPool, feeding }: BannerFacts): string[] {
  const { apiUrl, simulatorUrl, temporalUiUrl, temporalAddress, metricsUrl } = running;
  return [
    '',
    'Everything runs on this computer. No cloud is called, and nothing costs money.',
    '',
    `  Dashboard                  ${apiUrl}/`,
    `  Workers, each a workflow   ${lifecyclesLink(temporalUiUrl)}`,
    `  One pool's schedule        ${scheduleLink(temporalUiUrl, firstPool)}`,
    `  API                        ${apiUrl}/openapi.json`,
    `  Simulated cloud            ${simulatorUrl}/`,
    `  Metrics                    ${metricsUrl}`,
    `  Temporal                   ${temporalAddress}`,
    `  State and logs             ${relative(process.cwd(), stateDir) || '.'}/`,
    '',
    created.length > 0 ? `Created the pools ${created.join(', ')}.` : 'The pools are there from last time.',
    ...(feeding ? ['A few tasks come every 10 to 20 seconds.'] : []),
    'In another terminal: npm run demo -- tasks 50 web/unit-tests   (and npm run demo -- --help). Ctrl-C stops everything.',
    '',
  ];
}
