import type { Command } from 'commander'
import { fetchGuestPackages } from '../lab/guest/fetch.js'
import { addGuestRun } from './guest-run.js'
import { Interruption } from './interruption.js'
import { print, printJson } from './output.js'

function addGuestFetch(guest: Command): void {
  guest
    .command('fetch')
    .description("download real guest kernels from the system's archive into the user's cache")
    .option('--json', 'the folder and the versions as JSON')
    .addHelpText(
      'after',
      `
User-Mode Linux, iperf3 and what they need, where they are not installed. Needs no root and changes nothing
outside the user's cache folder.

Examples:
  ringferry guest fetch
  ringferry guest fetch --json`,
    )
    .action(async ({ json }: { json?: boolean }) => {
      const { signal } = new Interruption()
      const result = await fetchGuestPackages({ onProgress: json ? () => {} : print, signal })
      const packages = Object.entries(result.packages).map(([name, version]) => `${name} ${version}`)
      if (json) printJson(result)
      else if (packages.length === 0) print('nothing to fetch: all of it is installed on this system')
      else print(`${result.fetched ? 'fetched to' : 'there already:'} ${result.root}: ${packages.join(', ')}`)
    })
}

export function addGuest(program: Command): void {
  const guest = program.command('guest').description('boot guests, and get real guest kernels')
  addGuestRun(guest)
  addGuestFetch(guest)
}
