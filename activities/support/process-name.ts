import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import process from 'node:process';

/** Names this process in evidence: its host, its id there, and what tells it from others of the same names. */
export const PROCESS_NAME = `${hostname().slice(0, 100)}/${process.pid}/${randomBytes(3).toString('hex')}`;
