import { Command } from 'commander'
import { ringferryVersion } from '../sys/version.js'
import { addAttach } from './attach.js'
import { addCapture } from './capture.js'
import { addCompletion } from './completion.js'
import { addConfig } from './config.js'
import { addDoctor } from './doctor.js'
import { addDrain } from './drain.js'
import { addEvents } from './events.js'
import { addFdb } from './fdb.js'
import { addGuest } from './guest.js'
import { addLab } from './lab.js'
import { addLog } from './log.js'
import { addPlan } from './plan.js'
import { addPort } from './port.js'
import { addReplay } from './replay.js'
import { addSim } from './sim.js'
import { addStats } from './stats.js'
import { addStatus } from './status.js'
import { addTop } from './top.js'
import { addTune } from './tune.js'
import { addUp } from './up.js'

/** The command tree. Mistakes on the command line are thrown (CommanderError, RingferryError), not printed. */
export function makeProgram(): Command {
  const program = new Command('ringferry')
  program
    .description('A userspace driver domain: ferries frames between virtual machines.')
    .version(ringferryVersion(), '-V, --version')
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
  addUp(program)
  addStatus(program)
  addPort(program)
  addFdb(program)
  addStats(program)
  addEvents(program)
  addTop(program)
  addConfig(program)
  addDrain(program)
  addLog(program)
  addTune(program)
  addCapture(program)
  addReplay(program)
  addAttach(program)
  addGuest(program)
  addDoctor(program)
  addCompletion(program)
  addLab(program)
  addSim(program)
  addPlan(program)
  return program
}
