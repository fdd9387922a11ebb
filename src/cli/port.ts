import type { Command } from 'commander'
import { listPorts } from '../daemon/api/routes/ports.js'
import { type ControlOptions, clientOf, withControl } from './control-options.js'
import { formatTable, print, printJson } from './output.js'

export function addPort(program: Command): void {
  const port = program.command('port').description('ports of the running switch')
  withControl(port.command('list').description('all ports with their state'), ['port list']).action(
    async (options: ControlOptions) => {
      const { ports } = await clientOf(options).call(listPorts)
      if (options.json) return printJson({ ports })
      const rows = ports.map(({ name, kind, state, heldDown, place }) => [
        name,
        kind,
        heldDown === undefined ? state : 'held',
        place,
      ])
      print(formatTable(['port', 'kind', 'state', 'place'], rows))
    },
  )
}
