// One byte asked, one byte answered, over one TCP connection, again and again. Runs inside a guest.
//
//   node request-response.mjs serve PORT
//   node request-response.mjs ask ADDRESS PORT SECONDS      prints {"perSecond", "p50Us", "p99Us"}
import { connect, createServer } from 'node:net'

const [, , mode, ...rest] = process.argv
if (mode === 'serve') {
  createServer((socket) => {
    socket.setNoDelay(true)
    socket.on('data', (data) => socket.write(data))
    socket.on('error', () => socket.destroy())
  }).listen(Number(rest[0]))
} else {
  const [host, port, seconds] = rest
  const took = []
  const socket = connect({ host, port: Number(port), noDelay: true })
  let askedAt = 0
  let beganAt = 0
  const ask = () => {
    askedAt = performance.now()
    socket.write('?')
  }
  socket.on('connect', () => {
    beganAt = performance.now()
    ask()
  })
  socket.on('data', () => {
    const now = performance.now()
    took.push((now - askedAt) * 1000)
    if (now - beganAt < Number(seconds) * 1000) {
      ask()
      return
    }
    socket.destroy()
    took.sort((a, b) => a - b)
    const at = (q) => took[Math.min(took.length - 1, Math.floor(took.length * q))]
    const perSecond = (took.length * 1000) / (now - beganAt)
    console.log(JSON.stringify({ perSecond, count: took.length, p50Us: at(0.5), p99Us: at(0.99) }))
  })
  socket.on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
}
