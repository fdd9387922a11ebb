import { Argument, type Command } from 'commander'
import { listPorts } from '../daemon/api/routes/ports.js'
import { commandTree } from './command-tree.js'
import { bashCompletion, zshCompletion } from './completion-bash.js'
import { fishCompletion } from './completion-fish.js'
import { clientOf } from './control-options.js'
import { print, printJson } from './output.js'

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const
type Shell = keyof typeof SHELLS

/** Names of the ports of the running switch: what scripts of completion ask for. None without one: completion is silent. */
async function portNames(): Promise<string[]> {
  try {
    return (await clientOf({}).call(listPorts)).ports.map(({ name }) => name)
  } catch {
    return []
  }
}

async function complete(
  whole: () => Promise<Command>,
  shell: Shell | 'ports',
  { json }: { readonly json?: boolean },
): Promise<void> {
  if (shell === 'ports') {
    const ports = await portNames()
    if (json) printJson({ ports })
    else for (const name of ports) print(name)
    return
  }
  const script = SHELLS[shell](commandTree(await whole())).trimEnd()
  if (json) printJson({ shell, script })
  else print(script)
}

/** @param whole makes the tree with every command */
export function addCompletion(program: Command, whole: () => Promise<Command>): void {
  program
    .command('completion')
    .description('completion of commands, options and port names, for a shell')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices([...Object.keys(SHELLS), 'ports']))
    .option('--json', 'the script as a string in one JSON line')
    .addHelpText(
      'after',
      `
Examples:
  source <(ringferry completion bash)
  ringferry completion bash > ~/.local/share/bash-completion/completions/ringferry
  ringferry completion zsh > ~/.zfunc/_ringferry
  ringferry completion fish > ~/.config/fish/completions/ringferry.fish`,
    )
    .action((shell: Shell | 'ports', options: { readonly json?: boolean }) => complete(whole, shell, options))
}
