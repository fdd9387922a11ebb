import { z } from 'zod'
import { route } from '../route.js'
import { macSchema, portName, vlanSchema } from '../schemas.js'
import { checkPort } from './ports.js'

const query = z.strictObject({
  port: portName.exactOptional(),
  vlan: vlanSchema.exactOptional(),
  mac: macSchema.exactOptional(),
})

export const showFdb = route({
  method: 'GET',
  path: '/v1/fdb',
  id: 'showFdb',
  summary: 'Live addresses and the ports on which they were heard',
  query,
  answer: z.strictObject({
    addresses: z.array(
      z
        .strictObject({
          mac: macSchema,
          vlan: vlanSchema,
          port: z.string(),
          ageS: z.number().meta({ description: 'Seconds since it was heard' }),
        })
        .meta({ id: 'Address' }),
    ),
  }),
  errors: ['NOT_FOUND'],
  handle: (daemon, { query: { port, vlan, mac } }) => {
    if (port !== undefined) checkPort(daemon, port)
    return {
      addresses: daemon.switch
        .fdb()
        .filter(
          (entry) =>
            (port === undefined || entry.port === port) &&
            (vlan === undefined || entry.vlan === vlan) &&
            (mac === undefined || entry.mac === mac.toLowerCase()),
        ),
    }
  },
})

export const flushFdb = route({
  method: 'DELETE',
  path: '/v1/fdb',
  id: 'flushFdb',
  summary: 'Forget addresses: of a port, a VLAN, one MAC address, or all',
  query: query.extend({
    dryRun: z.boolean().exactOptional().meta({ description: 'Count them, and keep them' }),
  }),
  answer: z.strictObject({ flushed: z.int().min(0), dryRun: z.boolean() }),
  errors: ['NOT_FOUND'],
  handle: async (daemon, { query: { dryRun = false, ...filter } }) => {
    if (filter.port !== undefined) checkPort(daemon, filter.port)
    if (!dryRun) return { flushed: await daemon.flushFdb(filter), dryRun }
    const listed = await showFdb.handle(daemon, { params: {}, query: filter, headers: {}, body: undefined })
    return { flushed: 'addresses' in listed ? listed.addresses.length : 0, dryRun }
  },
})
