/** How the project's scripts start jest: its program, and what Node needs to run tests that are ES modules. */
import { join } from 'node:path';
import { projectRoot } from './node.mjs';

export const jestProgram = join(projectRoot, 'node_modules', 'jest', 'bin', 'jest.js');
export const jestFlags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
