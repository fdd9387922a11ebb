// User-Mode Linux guests on a switch.
import { bootGuest, cleanUp } from '../../dist/lab/guest/guest.js'
import { undoLater } from './cleanup.mjs'

/**
 * Boots guests side by side, one NIC each, addresses 10.SUBNET.0.1 and following.
 * @param tag makes their names and addresses
 */
export async function bootGuests(tag, subnet, transports, memoryMb = 256) {
  // Also for guests that are half up when the bench is stopped.
  undoLater(cleanUp)
  const booted = await Promise.allSettled(
    transports.map(async (transport, index) => {
      const address = `10.${subnet}.0.${index + 1}`
      const mac = `52:54:00:${subnet.toString(16).padStart(2, '0')}:00:0${index + 1}`
      const guest = await bootGuest({
        ...{ name: `${tag}${index}`, kind: 'uml', memoryMb },
        nics: [{ transport, address: `${address}/24`, mac }],
      })
      undoLater(() => guest.stop())
      return { guest, address, mac }
    }),
  )
  return booted.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}
