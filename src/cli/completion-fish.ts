import { allNodes, type CommandNode, nameOf, type OptionNode, type Taken } from './command-tree.js'

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`

function source(taken: Taken, program: string): string {
  if (taken === 'file') return '-F'
  if (taken === 'port') return `-f -a '(${program} completion ports 2>/dev/null)'`
  return taken === 'any' ? '-f' : `-f -a ${quoted(taken.join(' '))}`
}

function optionLine(program: string, condition: string, option: OptionNode): string {
  const { short, long, description, takes } = option
  const names = `${short ? `-s ${short.slice(1)} ` : ''}-l ${long.slice(2)}`
  const value = takes === undefined ? '' : ` -r ${source(takes, program)}`
  return `complete -c ${program} -n ${condition} ${names}${value} -d ${quoted(description)}`
}

/** Completion for fish: a line for each word, under the condition that the command line is at its command. */
export function fishCompletion(root: CommandNode): string {
  const program = root.path
  const paths = allNodes(root).map(({ path }) => quoted(path))
  const lines = allNodes(root).flatMap(({ path, options, commands, takes }) => {
    const at = quoted(`__ringferry_at ${path}`)
    return [
      ...commands.map(
        (each) => `complete -c ${program} -n ${at} -f -a ${nameOf(each)} -d ${quoted(each.description)}`,
      ),
      ...options.map((option) => optionLine(program, at, option)),
      ...takes.slice(0, 1).map((taken) => `complete -c ${program} -n ${at} ${source(taken, program)}`),
    ]
  })
  return `# Completion of ${program} for fish. Made by: ${program} completion fish
function __ringferry_at
    set -l at ${program}
    for word in (commandline -opc)[2..-1]
        if contains -- "$at $word" ${paths.join(' ')}
            set at "$at $word"
        end
    end
    test "$at" = "$argv"
end
complete -c ${program} -f
${lines.join('\n')}
`
}
