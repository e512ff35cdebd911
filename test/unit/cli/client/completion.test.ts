import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { Command } from 'commander';
import { addClientCommands } from '../../../../cli/client/commands.js';
import { completionScript } from '../../../../cli/client/completion.js';

const program = new Command('worker-manager');
addClientCommands(program);

/** What bash offers for the last of the words, with pools that a server would have. */
function completed(...words: readonly string[]): string[] {
  const script = `worker-manager() { [ "$*" = "pools -o name" ] && echo proj/linux; }
${completionScript(program, 'bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _worker_manager; echo "\${COMPREPLY[@]}"`;
  const offered = execFileSync('bash', ['-c', script, 'bash', 'worker-manager', ...words], { encoding: 'utf8' });
  return offered.trim().split(' ');
}

test('a shell completes commands, options, values of options, and pools', () => {
  expect(completed('po')).toEqual(['pools', 'pool']);
  expect(completed('workers', '--st')).toEqual(['--state']);
  expect(completed('workers', '--state', 'r')).toEqual(['requested', 'running']);
  expect(completed('errors', '-o', 'y')).toEqual(['yaml']);
  expect(completed('explain', 'pr')).toEqual(['proj/linux']);
  expect(completed('top', '--pool', '')).toEqual(['proj/linux']);
  expect(completed('completion', 'z')).toEqual(['zsh']);
});

test('a zsh loads its own completion where nothing has, and then takes what bash takes', () => {
  const [before, after] = completionScript(program, 'zsh').split(completionScript(program, 'bash'));
  expect(before!.split('\n')).toEqual([
    '(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }',
    'autoload -Uz +X bashcompinit && bashcompinit',
    '',
  ]);
  expect(after).toBe('');
});
