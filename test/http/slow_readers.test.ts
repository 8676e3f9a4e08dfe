import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { seconds } from '#base/time.ts'
import { textReply } from '#http/message.ts'
import { get, open, serve, surface } from './serving.ts'

/** More than the kernel takes from us for a client that does not read. */
const LARGE = 'x'.repeat(16 * 2 ** 20)

const routes = ['/large', '/small'].map((path) => ({
  methods: ['GET'] as const,
  path,
  endpoint: () => textReply(200, path === '/large' ? LARGE : 'x'),
}))

/** Reads a little at a time, so that the connection is never idle, and after four seconds all that there is. @returns how much that was */
const readSlowly = async (port: number): Promise<number> => {
  const socket = connect(port, '127.0.0.1')
  const closed = once(socket, 'close')
  socket.on('error', () => undefined)
  socket.on('data', () => socket.pause())
  socket.write(get('/large'))
  const drip = setInterval(() => socket.resume(), 20)
  await sleep(4000)
  clearInterval(drip)
  socket.removeAllListeners('data').resume()
  await closed
  return socket.bytesRead
}

test('I11 · a client that takes an answer too slowly is cut off, one that takes its time between requests is not (slow read)', async (t) => {
  const { port, origin } = await serve(t, {
    surfaces: [surface('/', routes)],
    limits: { bodyBytes: 1000, requestTimeout: seconds(10), answerTimeout: seconds(3) },
  })
  const patient = await open(port)
  patient.send(get('/small'))
  await patient.reply()
  const taken = await readSlowly(port)
  t.diagnostic(`${taken} of ${LARGE.length} bytes were taken`)
  assert.ok(taken < LARGE.length)
  // Longer idle than any answer may take, and still there.
  patient.send(get('/small'))
  assert.equal((await patient.reply()).status, 200)
  patient.end()
  const quick = await fetch(`${origin}/large`)
  assert.equal((await quick.arrayBuffer()).byteLength, LARGE.length)
})
