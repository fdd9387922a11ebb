/** Small files in and out of a guest by commands of its shell. */
import { quote } from '../../daemon/shell-word.js'

/** Bytes of a file in one command; a terminal line takes 4096 at once. */
const FILE_CHUNK_BYTES = 2400

/** Runs a command in a guest and returns what it printed; throws when it fails. */
export type Must = (command: string) => Promise<string>

/** Writes a file (a few MB) inside. */
export async function putFileBy(must: Must, path: string, content: Uint8Array): Promise<void> {
  const target = quote(path)
  await must(`: >${target}`)
  for (let at = 0; at < content.length; at += FILE_CHUNK_BYTES) {
    const text = Buffer.from(content.subarray(at, at + FILE_CHUNK_BYTES)).toString('base64')
    await must(`echo ${text} | base64 -d >>${target}`)
  }
}

/** Reads a file (a few MB) from inside. */
export async function getFileBy(must: Must, path: string): Promise<Buffer> {
  return Buffer.from(await must(`base64 <${quote(path)}`), 'base64')
}
