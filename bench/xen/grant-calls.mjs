// Grant operations and the calls that carry them out, of whichever backend: counted where both meet, in dom0's kernel, which hands
// copies (netback's, and gntdev's for Ringferry) and mappings (netback's of large frames) to the hypervisor in lists.
// The kernel's tracing sums them up by itself: nothing runs in dom0 for it.
const TRACING = '/sys/kernel/tracing'
/** Function and the register of its argument that says how long the list is. */
const LISTS = { copies: ['gnttab_batch_copy', '%si'], maps: ['gnttab_map_refs', '%cx'] }

const BEGIN = `mountpoint -q ${TRACING} || mount -t tracefs tracefs ${TRACING}
cd ${TRACING}
${Object.entries(LISTS)
  .map(
    ([name, [symbol, register]]) => `echo 'p:rf/${name} ${symbol} entries=${register}:u32' >>kprobe_events
echo 'hist:keys=entries' >events/rf/${name}/trigger`,
  )
  .join('\n')}`

/** Has dom0's kernel count from now on. Throws when it cannot. */
export async function countGrantCalls(dom0) {
  await dom0.run(`set -e\n${BEGIN}`)
}

/** A histogram's lines are "{ entries: 16 } hitcount: 3". */
const LINE = /^\{ entries:\s*(\d+) \} hitcount:\s*(\d+)/gm

/** @returns {Promise<{ copies: number, lists: number }>} operations and lists so far */
export async function readGrantCalls(dom0) {
  const files = Object.keys(LISTS).map((name) => `${TRACING}/events/rf/${name}/hist`)
  const text = await dom0.run(`cat ${files.join(' ')}`)
  const sums = { copies: 0, lists: 0 }
  for (const [, entries, hits] of text.matchAll(LINE)) {
    sums.copies += Number(entries) * Number(hits)
    sums.lists += Number(hits)
  }
  return sums
}
