import { readdirSync, readFileSync } from 'node:fs'

/** The group of a process as /proc shows it; empty in a kernel without such groups. */
function autogroup(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/autogroup`, 'utf8').trim()
  } catch {
    return ''
  }
}

/** The processes that this one has started to keep processors awake for a bed, and the weight of their groups. */
export function awakeProcesses(): { readonly pid: number; readonly autogroup: string }[] {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8')
      const parent = Number(read('stat').split(') ')[1]?.split(' ')[1])
      if (parent !== process.pid || !read('cmdline').includes('awake-process')) return []
      return [{ pid: Number(pid), autogroup: autogroup(pid) }]
    } catch {
      // Not a process, or one that has ended.
      return []
    }
  })
}
