import { z } from 'zod'
import { checkText, configData, parseConfig, type SwitchConfig } from '../../../config/config.js'
import { configSchema } from '../../../config/schema.js'
import { makePlan } from '../../plan.js'
import { route } from '../route.js'
import { changesAnswer, changesSchema, mistakeSchema } from '../schemas.js'

const textSchema = z
  .strictObject({
    text: z.string().meta({ description: 'A configuration: YAML' }),
    name: z.string().max(4096).exactOptional().meta({ description: 'How messages call it: its path' }),
  })
  .meta({ id: 'ConfigText' })

/** What a text asks for. Where it says nothing of the control socket, that stays: it may be from the command line. */
function wanted({ text, name }: z.infer<typeof textSchema>, { control }: SwitchConfig): SwitchConfig {
  return { ...(control ? { control } : {}), ...parseConfig(text, name ?? 'the configuration') }
}

export const showConfig = route({
  method: 'GET',
  path: '/v1/config',
  id: 'showConfig',
  summary: 'What the switch runs with at present, as a configuration file would say it',
  answer: configSchema,
  needsToken: true,
  handle: (daemon) => configData(daemon.running()),
})

export const checkConfig = route({
  method: 'POST',
  path: '/v1/config/check',
  id: 'checkConfig',
  summary: 'All mistakes of a configuration',
  body: textSchema,
  answer: z.strictObject({ mistakes: z.array(mistakeSchema).readonly() }),
  handle: (_, { body }) => ({ mistakes: checkText(body.text).mistakes }),
})

export const diffConfig = route({
  method: 'POST',
  path: '/v1/config/diff',
  id: 'diffConfig',
  summary: 'What would change for whom if a configuration were applied',
  body: textSchema,
  answer: changesSchema,
  errors: ['CONFIG'],
  handle: (daemon, { body }) => {
    const running = daemon.running()
    const plan = makePlan(running, wanted(body, running))
    return changesAnswer(plan.changes, { dryRun: true })
  },
})

export const applyConfig = route({
  method: 'POST',
  path: '/v1/config/apply',
  id: 'applyConfig',
  summary: 'Make the switch fit a configuration: all of it, or nothing',
  query: z.strictObject({
    dryRun: z.boolean().exactOptional().meta({ description: 'Tell what would change, and do nothing' }),
  }),
  body: textSchema,
  answer: changesSchema,
  errors: ['CONFIG', 'NOT_FOUND', 'BUSY', 'UNSUPPORTED', 'SYSCALL'],
  handle: async (daemon, { query, body }) => {
    const changes = await daemon.change({ ...query, edit: (running) => wanted(body, running) })
    return changesAnswer(changes, query)
  },
})
