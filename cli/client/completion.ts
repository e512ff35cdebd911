import type { Command, Option } from 'commander';

/** Arguments whose values are pools, as far as a name is typed. */
const POOL_ARGUMENTS = ['pool', 'id', 'subject'];

/** Of a zsh whose start has not loaded its completion too: without that there is nothing to register at. */
const ZSH_LOADS = `(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
autoload -Uz +X bashcompinit && bashcompinit
`;

/**
 * What bash needs to complete commands, options, the values that options may have, and pools; zsh takes the same by its
 * own `bashcompinit`. Pools are asked of the server, and none are offered where it does not answer.
 */
export function completionScript(program: Command, shell: 'bash' | 'zsh'): string {
  const { commands } = program;
  const name = program.name();
  return `${shell === 'zsh' ? ZSH_LOADS : ''}_worker_manager() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words="" pools=""
  case "\${COMP_WORDS[1]}" in
${commands.map(caseOf).join('\n')}
  esac
  [ "$COMP_CWORD" -eq 1 ] && pools="" words="${commands.map((command) => command.name()).join(' ')} help"
  [ -n "$pools" ] && words="$words $(${name} pools -o name 2>/dev/null)"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _worker_manager ${name}
`;
}

/** Of one command: what may come after an option that has choices, or else its options and pools. */
function caseOf(command: Command): string {
  const { options, registeredArguments } = command;
  const flags = options.flatMap(({ long, short }) => [long, short]).filter((flag) => flag != null);
  const valued = options.filter((option) => option.required || option.optional);
  const choices = registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const takesPool = registeredArguments.some((argument) => POOL_ARGUMENTS.includes(argument.name()));
  const other = `words="${[...flags, '--help', ...choices].join(' ')}"${takesPool ? '; [[ $current != -* ]] && pools=1' : ''}`;
  return `    ${command.name()}) case "$previous" in
${valued.map((option) => `      ${patternOf(option)}) ${valuesOf(option)} ;;`).join('\n')}${valued.length > 0 ? '\n' : ''}      *) ${other} ;;
    esac ;;`;
}

const patternOf = ({ long, short }: Option): string => [long, short].filter((flag) => flag != null).join('|');

function valuesOf({ argChoices, long }: Option): string {
  if (argChoices) return `words="${argChoices.join(' ')}"`;
  return long === '--pool' ? 'pools=1' : ':';
}
