/** Manual pages, made from the command tree. Source: man(7), groff_man_style(7). */
import { ERRORS } from '../errors/errors.js'
import { allNodes, type CommandNode, nameOf } from './command-tree.js'

/** Text as roff takes it: no request, no escape, and minus signs that can be copied. */
export function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/gm, '\\&')
}

const literal = (text: string): string => `.nf\n${roff(text)}\n.fi\n`

/** Explanations and examples behind a command's help. */
function afterText(after: string): string {
  return after
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph !== '')
    .map((paragraph) => {
      const [first = '', ...lines] = paragraph.split('\n')
      // A heading with lines below it, or lines that are laid out.
      if (/^\w+:$/.test(first))
        return `.PP\n${roff(first)}\n.RS 4\n${literal(lines.map((each) => each.trim()).join('\n'))}.RE\n`
      return lines.some((each) => /^ /.test(each))
        ? `.PP\n${literal(paragraph)}`
        : `.PP\n${roff(paragraph)}\n`
    })
    .join('')
}

function body({ path, synopsis, description, options, after }: CommandNode): string {
  const listed = options.map(({ flags, description: text }) => `.TP\n\\fB${roff(flags)}\\fR\n${roff(text)}\n`)
  return `.PP\n\\fB${roff(path)}\\fR [\\fIoptions\\fR] ${roff(synopsis)}\n.PP\n${roff(description)}.\n${listed.join('')}${afterText(after)}`
}

const exits = (): string =>
  Object.values(ERRORS)
    .map(({ exit, title }) => `.TP\n${exit}\n${roff(title)}\n`)
    .join('')

/** The pages by file name: ringferry.1, and one for each command. @param version of the program */
export function manualPages(root: CommandNode, version: string): ReadonlyMap<string, string> {
  const page = (node: CommandNode): string => node.path.replaceAll(' ', '-')
  const head = (node: CommandNode): string =>
    `.TH ${page(node).toUpperCase()} 1 "" "Ringferry ${version}"\n.SH NAME\n${roff(page(node))} \\- ${roff(node.description.replace(/\.$/, ''))}\n`
  const others = (self: CommandNode): string =>
    [root, ...root.commands]
      .filter((node) => node !== self)
      .map((node) => `.BR ${page(node)} (1)`)
      .join(',\n')
  const pages = root.commands.map((node): [string, string] => {
    const [first, ...under] = allNodes(node)
    const below = under.map((each) => `.SS ${roff(each.path.slice(root.path.length + 1))}\n${body(each)}`)
    const description = `.SH DESCRIPTION\n${body(first as CommandNode)}`
    const commands = below.length > 0 ? `.SH COMMANDS\n${below.join('')}` : ''
    return [`${page(node)}.1`, `${head(node)}${description}${commands}.SH SEE ALSO\n${others(node)}\n`]
  })
  const list = root.commands.map((node) => `.TP\n\\fB${roff(nameOf(node))}\\fR\n${roff(node.description)}\n`)
  const main = `${head(root)}.SH SYNOPSIS\n\\fB${root.path}\\fR \\fIcommand\\fR [\\fIoptions\\fR]
.SH DESCRIPTION\n${roff(root.description)}\n${afterText(root.after)}.SH COMMANDS\n${list.join('')}.SH EXIT STATUS
.TP\n0\ndone\n${exits()}.SH ENVIRONMENT\n.TP\nRINGFERRY_CONTROL\nthe control socket of the switch
.SH SEE ALSO\n${others(root)}\n`
  return new Map([[`${page(root)}.1`, main], ...pages])
}
