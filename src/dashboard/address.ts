/** What the address of the page says behind its "#": the port that is looked at, or once the token. */

/** The value of a name in "#name=value"; undefined where there is none, or none that can be read. */
export function fromHash(hash: string, name: string): string | undefined {
  if (!hash.startsWith(`#${name}=`)) return undefined
  try {
    return decodeURIComponent(hash.slice(name.length + 2)) || undefined
  } catch {
    return undefined
  }
}

/** The same the other way. */
export const toHash = (name: string, value: string): string => `#${name}=${encodeURIComponent(value)}`
