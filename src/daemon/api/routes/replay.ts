import { z } from 'zod'
import { MAX_FRAME_BYTES } from '../../../core/layout.js'
import { type InjectedFrame, MAX_INJECTED_BYTES, MAX_INJECTED_FRAMES } from '../../../engine/injection.js'
import { route } from '../route.js'
import { portName } from '../schemas.js'

const MAX_FRAMES = 1024
const U16 = 65_535
const MAX_BASE64 = Math.ceil(MAX_FRAME_BYTES / 3) * 4
const u16 = z.int().min(0).max(U16)

const frameSchema = z
  .strictObject({
    data: z.base64().max(MAX_BASE64).meta({ description: 'The frame, from its destination address on' }),
    checksum: z
      .strictObject({ start: u16, offset: u16 })
      .exactOptional()
      .meta({ description: 'Where a checksum is to be completed. Default: there is none' }),
    gso: z
      .strictObject({ type: z.int().min(0).max(255), sizeBytes: u16 })
      .exactOptional()
      .meta({ description: 'What segments it stands for: gso_type and gso_size of virtio 1.3, 5.1.6' }),
  })
  .meta({ id: 'InjectedFrame' })

export type InjectedFrameBody = z.infer<typeof frameSchema>

export const injectFrames = route({
  method: 'POST',
  path: '/v1/ports/{name}/frames',
  id: 'injectFrames',
  summary: 'Hand frames to a port, as if they came from it or as what leaves by it',
  params: z.strictObject({ name: portName }),
  body: z.strictObject({
    way: z.enum(['from', 'to']).meta({
      description:
        'from: as if they came from the port, with all its checks; to: they leave by the port and nowhere else',
    }),
    frames: z.array(frameSchema).max(MAX_FRAMES),
  }),
  answer: z.strictObject({ frames: z.int().min(0).meta({ description: 'Frames handed to the port' }) }),
  errors: ['NOT_FOUND'],
  handle: async (daemon, { params: { name }, body: { way, frames } }) => {
    let burst: InjectedFrame[] = []
    let bytes = 0
    const send = async (): Promise<void> => {
      if (burst.length > 0) await daemon.switch.inject(name, way, burst)
      burst = []
      bytes = 0
    }
    for (const { data: text, checksum, gso } of frames) {
      const data = new Uint8Array(Buffer.from(text, 'base64'))
      if (burst.length === MAX_INJECTED_FRAMES || bytes + data.length > MAX_INJECTED_BYTES) await send()
      burst.push({ data, ...(checksum ? { offload: { checksum, ...(gso ? { gso } : {}) } } : {}) })
      bytes += data.length
    }
    await send()
    return { frames: frames.length }
  },
})
