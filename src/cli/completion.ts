import { Argument, type Command } from 'commander'
import { listPorts } from '../daemon/api/routes/ports.js'
import { commandTree } from './command-tree.js'
import { bashCompletion, zshCompletion } from './completion-bash.js'
import { fishCompletion } from './completion-fish.js'
import { clientOf } from './control-options.js'
import { print } from './output.js'

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const
type Shell = keyof typeof SHELLS

/** Names of the ports of the running switch: what scripts of completion ask for. Nothing without one. */
async function printPorts(): Promise<void> {
  try {
    const { ports } = await clientOf({}).call(listPorts)
    for (const { name } of ports) print(name)
  } catch {
    // Completion is silent.
  }
}

export function addCompletion(program: Command): void {
  program
    .command('completion')
    .description('completion of commands, options and port names, for a shell')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices([...Object.keys(SHELLS), 'ports']))
    .addHelpText(
      'after',
      `
Examples:
  source <(ringferry completion bash)
  ringferry completion bash > ~/.local/share/bash-completion/completions/ringferry
  ringferry completion zsh > ~/.zfunc/_ringferry
  ringferry completion fish > ~/.config/fish/completions/ringferry.fish`,
    )
    .action(async (shell: Shell | 'ports') => {
      if (shell === 'ports') await printPorts()
      else print(SHELLS[shell](commandTree(program)).trimEnd())
    })
}
