import { Command } from 'commander'
import { ringferryVersion } from '../sys/version.js'

const VERSION_FLAGS = ['-V', '--version']

/** Commands in the order of the help, with what adds them. Their modules are loaded when needed: all of them take a second. */
const COMMANDS: readonly (readonly [names: string, load: () => Promise<(program: Command) => void>])[] = [
  ['up', async () => (await import('./up.js')).addUp],
  ['status', async () => (await import('./status.js')).addStatus],
  ['port', async () => (await import('./port.js')).addPort],
  ['fdb', async () => (await import('./fdb.js')).addFdb],
  ['stats', async () => (await import('./stats.js')).addStats],
  ['events', async () => (await import('./events.js')).addEvents],
  ['top', async () => (await import('./top.js')).addTop],
  ['config', async () => (await import('./config.js')).addConfig],
  ['drain resume', async () => (await import('./drain.js')).addDrain],
  ['log', async () => (await import('./log.js')).addLog],
  ['tune', async () => (await import('./tune.js')).addTune],
  ['capture', async () => (await import('./capture.js')).addCapture],
  ['replay', async () => (await import('./replay.js')).addReplay],
  ['attach', async () => (await import('./attach.js')).addAttach],
  ['guest', async () => (await import('./guest.js')).addGuest],
  ['doctor', async () => (await import('./doctor.js')).addDoctor],
  ['completion', loadCompletion],
  ['lab', async () => (await import('./lab.js')).addLab],
  ['sim', async () => (await import('./sim.js')).addSim],
  ['plan', async () => (await import('./plan.js')).addPlan],
]

async function loadCompletion(): Promise<(program: Command) => void> {
  const { addCompletion } = await import('./completion.js')
  return (program) => addCompletion(program, makeProgram)
}

/** Which of them a command line needs: the one that it names; all for help, and for a mistake, which is told from all names. */
function needed(words: readonly string[]): typeof COMMANDS {
  if (words.length === 1 && VERSION_FLAGS.includes(words[0] as string)) return []
  const name = words.find((word) => !word.startsWith('-') && word !== 'help') ?? ''
  const named = COMMANDS.filter(([names]) => names.split(' ').includes(name))
  return named.length > 0 ? named : COMMANDS
}

/**
 * The command tree, or as much of it as a command line needs. Mistakes on the command line are thrown (CommanderError,
 * RingferryError), not printed.
 * @param words the command line behind the program's name; without them the whole tree
 */
export async function makeProgram(words: readonly string[] = []): Promise<Command> {
  const program = new Command('ringferry')
  program
    .description('A userspace driver domain: ferries frames between virtual machines.')
    .version(ringferryVersion(), VERSION_FLAGS.join(', '))
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showSuggestionAfterError()
    .enablePositionalOptions()
    .addHelpText(
      'after',
      `
Examples:
  ringferry doctor                                       what this machine can do
  ringferry up --vif g1=/tmp/g1.sock --vif g2=/tmp/g2.sock
  ringferry status                                       the running switch
  ringferry tune show                                    hold times, delays, reasons
  ringferry capture g1 | tshark -r -                     frames with hold times and drop reasons
  ringferry attach --print qemu g1 --socket /tmp/g1.sock
  ringferry guest run uml --name g1 --socket /tmp/g1.sock -- ip link`,
    )
  for (const [, load] of needed(words)) {
    const add = await load()
    add(program)
  }
  return program
}
