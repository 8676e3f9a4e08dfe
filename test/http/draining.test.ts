import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textReply } from '#http/message.ts'
import { get, open, serve, surface } from './serving.ts'

test('what is under way is finished, what is idle is closed, and nobody new comes in', async (t) => {
  const gate = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const slow = {
    methods: ['GET'] as const,
    path: '/slow',
    endpoint: async () => {
      arrived.resolve()
      await gate.promise
      return textReply(200, 'done')
    },
  }
  const { port, close } = await serve(t, {
    surfaces: [surface('/', [slow, { methods: ['GET'], path: '/', endpoint: () => textReply(200, '') }])],
  })
  const [busy, idle, fresh] = [await open(port), await open(port), await open(port)]
  idle.send(get('/'))
  assert.equal((await idle.reply()).headers.get('connection'), 'keep-alive')
  busy.send(get('/slow'))
  await arrived.promise

  const begun = performance.now()
  let isClosed = false
  const closing = close().then(() => (isClosed = true))
  await idle.closed()
  await assert.rejects(open(port))
  assert.equal(isClosed, false)

  gate.resolve()
  const reply = await busy.reply()
  assert.equal(reply.body, 'done')
  assert.equal(reply.headers.get('connection'), 'close')
  await busy.closed()
  await fresh.closed()
  await closing
  t.diagnostic(`closed after ${Math.round(performance.now() - begun)} ms`)
})

test('an address that is taken is an error of listen', async (t) => {
  const { port } = await serve(t)
  const { createHttpServer } = await import('#http/server.ts')
  const { silentLog } = await import('#base/log.ts')
  const { seconds } = await import('#base/time.ts')
  const another = createHttpServer({
    sites: [{ names: 'any', surfaces: [surface('/', [])] }],
    limits: { bodyBytes: 1, requestTimeout: seconds(1), answerTimeout: seconds(1) },
    trustedProxies: [],
    isPublicUrlHttps: false,
    log: silentLog,
  })
  await assert.rejects(another.listen({ host: '127.0.0.1', port }), { code: 'EADDRINUSE' })
  await another.close()
})
