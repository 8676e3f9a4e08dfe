import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog, type LogFields, type LogLevel } from '#base/log.ts'

const written = (level: LogLevel, use: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] => {
  const lines: string[] = []
  use(createLog({ level, destination: { write: (line) => void lines.push(line) } }))
  return lines.map((line) => {
    assert.equal(line.indexOf('\n'), line.length - 1)
    return JSON.parse(line) as Record<string, unknown>
  })
}
const infoLine = (fields: LogFields): Record<string, unknown> => written('info', (log) => log.info('m', fields))[0]!

test('a line has its level as a word, an ISO time, its message and its fields', () => {
  const { time, ...line } = infoLine({ client: 'a', count: 3 })
  assert.deepEqual(line, { level: 'info', message: 'm', client: 'a', count: 3 })
  assert.equal(new Date(String(time)).toISOString(), time)
})

test('what is below the level is not written', () => {
  const use = (log: ReturnType<typeof createLog>) => {
    log.debug('a')
    log.info('b')
    log.audit('c')
    log.warn('d')
    log.error('e')
  }
  const levels = (level: LogLevel) => written(level, use).map((line) => line.audit ?? line.message)
  assert.deepEqual(levels('trace'), ['a', 'b', 'c', 'd', 'e'])
  assert.deepEqual(levels('info'), ['b', 'c', 'd', 'e'])
  assert.deepEqual(levels('error'), ['e'])
  assert.deepEqual(levels('silent'), [])
  assert.deepEqual(
    (['trace', 'debug', 'info'] as const).map(
      (level) => createLog({ level, destination: { write: () => {} } }).writesDebug,
    ),
    [true, true, false],
  )
})

test('an audit line is named by its event', () => {
  const [line] = written('info', (log) => log.audit('token_issued', { client: 'a' }))
  assert.deepEqual([line?.audit, line?.level, line?.client], ['token_issued', 'info', 'a'])
})

test('secrets are left out, at the top and one level down, however they are spelled', () => {
  const line = infoLine({
    password: 'p',
    Authorization: 'Bearer p',
    body: { refresh_token: 'p', code: 'p', scope: 's' },
    headers: { 'Set-Cookie': ['p'] },
  })
  assert.deepEqual(line.body, { refresh_token: '[redacted]', code: '[redacted]', scope: 's' })
  assert.equal(line.password, '[redacted]')
  assert.doesNotMatch(JSON.stringify(line), /"p"|Bearer/)
})

test('a field cannot pass for what the line says itself', () => {
  const [line] = written('info', (log) => log.audit('e', { level: 'x', time: 'x', message: 'x', audit: 'x' }))
  assert.equal(line?.level, 'info')
  assert.equal(line?.audit, 'e')
  assert.equal(line?.field_audit, 'x')
  assert.notEqual(line?.time, 'x')
})

test('an error is its words, its stack and its causes, and nothing that a driver has hung on it', () => {
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', parameters: ['TOPSECRET'] })
  const line = infoLine({ error: new TypeError('boom', { cause }) })
  const error = line.error as { type: string; message: string; stack: string; cause: Record<string, unknown> }
  assert.deepEqual([error.type, error.message, error.cause.code], ['TypeError', 'boom', 'ECONNREFUSED'])
  assert.match(error.stack, /log\.test\.ts/)
  assert.doesNotMatch(JSON.stringify(line), /TOPSECRET/)
})

test('what would move a terminal or hide text is written out, and what is long is cut', () => {
  const line = infoLine({ agent: '\u001b[31m\u202e\u2028\u0085', long: 'a'.repeat(1_000_000) })
  assert.equal(line.agent, '\u001b[31m\\u202e\\u2028\\u0085')
  assert.equal(String(line.long).length, 1025)
})

test('no secret is written, however deep it stands and in whatever style its name is written', () => {
  const names = [
    ...['password', 'Password', 'client_secret', 'clientSecret', 'secret', 'refresh_token', 'refreshToken'],
    ...['access_token', 'accessToken', 'id_token', 'code', 'code_verifier', 'codeVerifier', 'assertion'],
    ...['client_assertion', 'authorization', 'cookie', 'set-cookie', 'setCookie'],
  ]
  const wrap = fc.constantFrom<(inner: unknown) => unknown>(
    (inner) => ({ inner }),
    (inner) => [inner],
    (inner) => [1, { a: inner }],
  )
  const nested = fc.record({ name: fc.constantFrom(...names), wraps: fc.array(wrap, { maxLength: 6 }) })
  const value = fc.constantFrom<unknown>('hunter2', ['hunter2'], { is: 'hunter2' })
  fc.assert(
    fc.property(nested, value, ({ name, wraps }, secret) => {
      const field = wraps.reduce<unknown>((inner, wrapped) => wrapped(inner), { [name]: secret })
      assert.doesNotMatch(JSON.stringify(infoLine({ field })), /hunter2/)
    }),
    { numRuns: 300 },
  )
  for (const name of names) assert.equal(infoLine({ [name]: 'hunter2' })[name], '[redacted]')
})

test('what is no plain data is not looked into', () => {
  class Request {
    headers = { any: 'hunter2' }
  }
  const line = infoLine({ it: new Request(), bytes: Buffer.from('hunter2'), map: new Map([['a', 'hunter2']]) })
  assert.deepEqual([line.it, line.bytes, line.map], ['[not plain]', '[not plain]', '[not plain]'])
  assert.equal(infoLine({ at: new Date(0) }).at, '1970-01-01T00:00:00.000Z')
  assert.equal(infoLine({ at: new Date(NaN) }).at, 'no date')
})

test('an error that is its own cause, and fields that contain themselves, are written all the same', () => {
  const error = new Error('round')
  error.cause = error
  assert.equal((infoLine({ error }).error as Record<string, unknown>).message, 'round')
  const round: Record<string, unknown> = {}
  round.again = round
  const list: unknown[] = []
  list.push(list)
  assert.match(JSON.stringify(infoLine({ round })), /too deep/)
  assert.match(JSON.stringify(infoLine({ list })), /too deep/)
})

test('no text can break a line, colour a terminal or turn its reading direction, wherever it stands', () => {
  const dangerous = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/
  const text = fc.array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3 }),
      fc.constantFrom('\n', '\r', '\u001b[31m', '\u009b', '\u202e', '\u2028', '\u2066', '\u200f', '\0'),
    ),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(text, (parts) => {
      const evil = parts.join('')
      const lines: string[] = []
      const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } })
      log.warn(evil, { evil, list: [evil], deep: { evil }, error: new Error(evil) })
      log.audit(evil)
      assert.equal(lines.length, 2)
      for (const line of lines) assert.doesNotMatch(line.slice(0, -1), dangerous)
    }),
    { numRuns: 300 },
  )
})

test('a long list is cut', () => {
  assert.equal((infoLine({ items: new Array(10_000).fill('x') }).items as unknown[]).length, 100)
})
