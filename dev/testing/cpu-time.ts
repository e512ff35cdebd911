import { readFileSync } from 'node:fs';

/**
 * The processor time that this process spends until `work` has ended, in ms, however busy the machine is. The least of
 * three: what else the process does meanwhile (collect garbage, compile) counts too.
 */
export async function cpuTimeOf(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  while (times.length < 3) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
  }
  return Math.min(...times);
}

/** The processor time that a process has spent so far, in ms (Linux). */
export function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
