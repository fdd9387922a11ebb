/** Completion for bash and zsh: one function that walks the words to the command and offers what that takes. */
import { allNodes, type CommandNode, nameOf, type OptionNode, type Taken } from './command-tree.js'

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** Statements that offer what a word may be; `$names` are words, `$kind` is file or port. */
function offer(taken: Taken): string {
  return typeof taken === 'string' ? `kind=${taken}` : `names=${quoted(taken.join(' '))}`
}

const spellings = ({ short, long }: OptionNode): readonly string[] => (short ? [short, long] : [long])

/** The next word of the path: a command below it. */
function stepCases(root: CommandNode): string {
  return allNodes(root)
    .filter((node) => node !== root)
    .map(({ path }) => `      ${quoted(path)}) at=$at' '$word; count=0 ;;`)
    .join('\n')
}

function valueCases(root: CommandNode): string {
  return allNodes(root)
    .flatMap(({ path, options }) =>
      options.flatMap((option) =>
        option.takes === undefined
          ? []
          : [
              `    ${spellings(option)
                .map((word) => quoted(`${path} ${word}`))
                .join('|')}) value=1; ${offer(option.takes)} ;;`,
            ],
      ),
    )
    .join('\n')
}

function nodeCases(root: CommandNode): string {
  return allNodes(root)
    .map(({ path, options, commands, takes }) => {
      const words = options.map(({ long }) => long).join(' ')
      const places = takes.map((taken, at) => `${at}) ${offer(taken)} ;;`).join(' ')
      const below = commands.length > 0 ? `names=${quoted(commands.map(nameOf).join(' '))}` : ':'
      return `    ${quoted(path)}) options=${quoted(words)}; ${places === '' ? below : `case $count in ${places} esac`} ;;`
    })
    .join('\n')
}

/** What bash and zsh have in common. It reads `words` (before the cursor, the program's name first) and `cur`. */
function walk(root: CommandNode): string {
  return `  local at=${root.path} word='' value='' options='' names='' kind='' count=0 skip='' last=''
  for word in "\${before[@]:1}"; do
    last=$word
    if [[ -n $skip ]]; then skip=''; continue; fi
    case "$at $word" in
${stepCases(root)}
      *) if [[ $word == -* ]]; then _ringferry_value "$at $word" && skip=1; else count=$((count + 1)); fi ;;
    esac
  done
  if [[ -n $skip ]]; then _ringferry_offer_value "$at $last"
  else
    case $at in
${nodeCases(root)}
    esac
    if [[ $cur == -* ]]; then names=$options; kind=''; fi
  fi
  if [[ $kind == port ]]; then names=$(${root.path} completion ports 2>/dev/null); fi`
}

/** Whether an option takes a value, and what. The variables of the caller are set. */
function valueFunctions(root: CommandNode): string {
  return `_ringferry_offer_value() {
  value=''
  case $1 in
${valueCases(root)}
  esac
  [[ -n $value ]]
}
_ringferry_value() {
  local value='' names='' kind=''
  _ringferry_offer_value "$1"
}`
}

export function bashCompletion(root: CommandNode): string {
  return `# Completion of ${root.path} for bash. Made by: ${root.path} completion bash
${valueFunctions(root)}
_ringferry() {
  local cur=\${COMP_WORDS[COMP_CWORD]}
  local before=("\${COMP_WORDS[@]:0:COMP_CWORD}")
${walk(root)}
  COMPREPLY=()
  if [[ $kind == file ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    compopt -o filenames 2>/dev/null
  else
    mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
  fi
}
complete -F _ringferry ${root.path}
`
}

export function zshCompletion(root: CommandNode): string {
  return `#compdef ${root.path}
# Completion of ${root.path} for zsh. Made by: ${root.path} completion zsh
${valueFunctions(root)}
_ringferry() {
  local cur=\${words[CURRENT]}
  local -a before
  before=("\${(@)words[1,CURRENT-1]}")
${walk(root)}
  if [[ $kind == file ]]; then _files; else compadd -- \${=names}; fi
}
if [[ $funcstack[1] == _ringferry ]]; then _ringferry "$@"; else compdef _ringferry ${root.path}; fi
`
}
