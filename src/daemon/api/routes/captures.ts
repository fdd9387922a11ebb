import { Readable } from 'node:stream'
import { z } from 'zod'
import { MAX_FRAME_BYTES } from '../../../core/layout.js'
import { capturePcapng } from '../../capture-stream.js'
import { Content, route } from '../route.js'
import { portName } from '../schemas.js'

const PCAPNG = 'application/x-pcapng'
const MAX_CHARACTERS = 4096

export const captureBody = z
  .strictObject({
    port: portName,
    filter: z.string().max(MAX_CHARACTERS).exactOptional().meta({
      description: 'Which frames: an expression of docs/capture.md, a part of pcap-filter. Default: all',
    }),
    snapBytes: z
      .int()
      .min(1)
      .max(MAX_FRAME_BYTES)
      .exactOptional()
      .meta({ description: 'Most bytes kept of a frame. Default: all' }),
    count: z
      .int()
      .min(1)
      .exactOptional()
      .meta({ description: 'Frames after which the capture ends. Default: it does not' }),
  })
  .meta({ id: 'Capture' })

export const startCapture = route({
  method: 'POST',
  path: '/v1/captures',
  id: 'startCapture',
  summary: 'Capture what crosses a port, dropped frames included, until the client goes',
  body: captureBody,
  content: {
    [PCAPNG]:
      'The frames as they come, pcapng; what is known of each is its comment. What the client does not take in time is lost',
  },
  errors: ['NOT_FOUND', 'BUSY', 'UNSUPPORTED'],
  handle: async (daemon, { body: { port, ...options } }) => {
    const capture = await daemon.switch.capture(port, options)
    return new Content(PCAPNG, Readable.from(capturePcapng(capture), { objectMode: false }))
  },
})
