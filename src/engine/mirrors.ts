import type { PortRow } from '../core/port-row.js'
import type { Port } from '../port/port.js'

/** Tells the plane which mirror ports copy what crosses each port. */
export function pointMirrors(ports: readonly Port[], rowOf: (index: number) => PortRow): void {
  const rows = new Map(ports.map(({ name }) => [name, 0n]))
  for (const { index, config } of ports)
    for (const source of config.mirror ?? []) {
      const before = rows.get(source)
      if (before !== undefined) rows.set(source, before | (1n << BigInt(index)))
    }
  for (const { index, name } of ports) rowOf(index).setMirrors(rows.get(name) as bigint)
}
