import { z } from 'zod'
import { portPatchSchema, portSchema } from '../../../config/schema.js'
import { RingferryError } from '../../../errors/errors.js'
import { didYouMean } from '../../../errors/suggestion.js'
import type { PortConfig } from '../../../port/config.js'
import type { Patch } from '../../config-file.js'
import type { Daemon } from '../../daemon.js'
import type { Plan } from '../../plan.js'
import { patchPort } from '../../port-patch.js'
import { route } from '../route.js'
import { changeQuery, changesAnswer, changesSchema, portName, portStatusSchema } from '../schemas.js'

const params = z.strictObject({ name: portName })
const settingsSchema = z.looseObject({ kind: z.string(), name: z.string() }).meta({
  description: 'As in the configuration file: docs/schema/config.schema.json',
})

export const listPorts = route({
  method: 'GET',
  path: '/v1/ports',
  id: 'listPorts',
  summary: 'All ports with their state',
  answer: z.strictObject({ ports: z.array(portStatusSchema).readonly() }),
  handle: (daemon) => ({ ports: daemon.switch.status() }),
})

/** Throws NOT_FOUND with the nearest name unless there is such a port. */
export function checkPort(daemon: Daemon, name: string): void {
  const names = daemon.switch.status().map((port) => port.name)
  if (!names.includes(name))
    throw new RingferryError('NOT_FOUND', `port ${name}: there is no such port${didYouMean(name, names)}`)
}

export const showPort = route({
  method: 'GET',
  path: '/v1/ports/{name}',
  id: 'showPort',
  summary: 'State and settings of one port',
  params,
  answer: z.strictObject({ status: portStatusSchema, settings: settingsSchema }).meta({ id: 'Port' }),
  errors: ['NOT_FOUND'],
  handle: (daemon, { params: { name } }) => {
    checkPort(daemon, name)
    const status = daemon.switch.status().find((port) => port.name === name)
    const settings = daemon.switch.configs().find((port) => port.name === name)
    return {
      status: status as NonNullable<typeof status>,
      settings: { ...settings, kind: status?.kind ?? '', name },
    }
  },
})

/** A port that is there with other settings is not what was asked for. */
function checkNew(before: PortConfig | undefined, plan: Plan, name: string): void {
  const [change] = plan.changes
  if (before === undefined || change === undefined) return
  throw new RingferryError(
    'BUSY',
    `port ${name}: there is one with other settings (${change.detail}); change it with port set, or delete it first`,
  )
}

export const addPort = route({
  method: 'POST',
  path: '/v1/ports',
  id: 'addPort',
  summary: 'Add a port; one that is there with the same settings is left alone',
  query: changeQuery,
  body: portSchema,
  answer: changesSchema,
  errors: ['CONFIG', 'NOT_FOUND', 'BUSY', 'UNSUPPORTED', 'SYSCALL'],
  handle: async (daemon, { query, body }) => {
    // What the schema cannot say is said in the words of the configuration.
    const port = patchPort(body as PortConfig, {})
    const before = daemon.switch.configs().find(({ name }) => name === port.name)
    const changes = await daemon.change({
      ...query,
      edit: ({ ports, ...rest }) => ({
        ...rest,
        ports: [...ports.filter(({ name }) => name !== port.name), port],
      }),
      check: (plan) => checkNew(before, plan, port.name),
      persist: query.persist ? [{ edit: 'add', port }] : undefined,
    })
    return changesAnswer(changes, query)
  },
})

export const setPort = route({
  method: 'PATCH',
  path: '/v1/ports/{name}',
  id: 'setPort',
  summary: 'Change settings of an open port, whose guest stays; null takes a setting out (JSON merge patch)',
  params,
  query: changeQuery,
  body: portPatchSchema.meta({ id: 'PortPatch' }),
  answer: changesSchema,
  errors: ['CONFIG', 'NOT_FOUND', 'BUSY', 'UNSUPPORTED', 'SYSCALL'],
  handle: async (daemon, { params: { name }, query, body }) => {
    checkPort(daemon, name)
    const patch = body as Patch
    const changes = await daemon.change({
      ...query,
      edit: ({ ports, ...rest }) => ({
        ...rest,
        ports: ports.map((port) => (port.name === name ? patchPort(port, patch) : port)),
      }),
      check: ({ changes: [change] }) => {
        if (change?.change !== 'replaced') return
        throw new RingferryError(
          'USAGE',
          `port ${name}: ${change.detail} cannot change in an open port; delete the port and add it, or apply a configuration`,
        )
      },
      persist: query.persist ? [{ edit: 'set', name, patch }] : undefined,
    })
    return changesAnswer(changes, query)
  },
})

export const deletePort = route({
  method: 'DELETE',
  path: '/v1/ports/{name}',
  id: 'deletePort',
  summary: 'Remove a port; one that is not there is removed already',
  params,
  query: changeQuery,
  answer: changesSchema,
  errors: ['BUSY', 'SYSCALL'],
  handle: async (daemon, { params: { name }, query }) => {
    const embedded = daemon.switch.configs().find((port) => port.name === name && port.kind === 'embedded')
    if (embedded) throw new RingferryError('USAGE', `port ${name}: belongs to the program that made it`)
    const changes = await daemon.change({
      ...query,
      edit: ({ ports, ...rest }) => ({ ...rest, ports: ports.filter((port) => port.name !== name) }),
      persist: query.persist ? [{ edit: 'remove', name }] : undefined,
    })
    return changesAnswer(changes, query)
  },
})
