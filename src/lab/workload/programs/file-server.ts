/**
 * A file server with the two operations that NFS READ and WRITE are, over HTTP: GET with a Range, PUT with a
 * Content-Range, both at offsets of one file. The file lies in the VM's /tmp: memory in a guest with a kernel of
 * its own, the host's file system in a namespace. Each block begins with its number, so that a reader sees at
 * once whether it got what it asked for.
 */
import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { sayReady, settingsOf } from './orders.js'

export interface FileServerSettings {
  readonly address: string
  readonly port: number
  readonly fileBytes: number
  readonly blockBytes: number
  readonly folder: string
}

const { address, port, fileBytes, blockBytes, folder } = settingsOf<FileServerSettings>()

/** First and last byte of "bytes=A-B" or "bytes A-B/SIZE"; undefined when it is no range inside the file. */
function rangeOf(text: string | undefined): { first: number; bytes: number } | undefined {
  const match = /^bytes[= ](\d+)-(\d+)(?:\/(?:\d+|\*))?$/.exec(text ?? '')
  if (!match) return undefined
  const [first, last] = [Number(match[1]), Number(match[2])]
  if (first > last || last >= fileBytes) return undefined
  return { first, bytes: last - first + 1 }
}

async function makeFile(): Promise<FileHandle> {
  const file = await open(join(folder, 'file'), 'w+')
  const block = Buffer.alloc(blockBytes, 'file ')
  for (let at = 0; at < fileBytes; at += blockBytes) {
    block.writeUInt32LE(at / blockBytes)
    await file.write(block, 0, blockBytes, at)
  }
  return file
}

async function answer(file: FileHandle, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const read = request.method === 'GET'
  const range = rangeOf(read ? request.headers.range : request.headers['content-range'])
  if (!range || (!read && request.method !== 'PUT')) {
    request.resume()
    response.writeHead(range ? 405 : 416).end()
    return
  }
  const { first, bytes } = range
  if (read) {
    const block = Buffer.allocUnsafe(bytes)
    await file.read(block, 0, bytes, first)
    const headers = {
      'content-length': bytes,
      'content-range': `bytes ${first}-${first + bytes - 1}/${fileBytes}`,
    }
    response.writeHead(206, headers).end(block)
    return
  }
  const parts: Buffer[] = []
  let missing = bytes
  request.on('data', (part: Buffer) => {
    missing -= part.length
    if (missing >= 0) parts.push(part)
  })
  await once(request, 'end')
  if (missing === 0) await file.write(Buffer.concat(parts), 0, bytes, first)
  response.writeHead(missing === 0 ? 204 : 400).end()
}

const file = await makeFile()
const server = createServer((request, response) => {
  answer(file, request, response).catch(() => response.destroy())
})
server.keepAliveTimeout = 0
server.listen(port, address, sayReady)
