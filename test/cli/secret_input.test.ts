import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { InterruptedError, RefusedError } from '#cli/failures.ts'
import { readSecret } from '#cli/secret_input.ts'

const terminal = () => {
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    isRaw: false,
    setRawMode(isRaw: boolean) {
      stdin.isRaw = isRaw
    },
  })
  let shown = ''
  return { stdin, stderr: { write: (text: string) => (shown += text) }, shown: () => shown }
}

const piped = (content: string | Uint8Array) => {
  const stdin = new PassThrough()
  stdin.end(content)
  return { stdin, stderr: { write: () => {} } }
}

const password = { what: 'password', isNew: true } as const

test('a new password is typed twice, and nothing of it is shown', async () => {
  const source = terminal()
  const asked = readSecret(password, source)
  source.stdin.write('correct')
  await new Promise(setImmediate)
  assert.equal(source.stdin.isRaw, true)
  source.stdin.write(' horse\r')
  await new Promise(setImmediate)
  source.stdin.write('correct horse\r')
  assert.equal(await asked, 'correct horse')
  assert.equal(source.shown(), 'Password: \nThe same again: \n')
  assert.equal(source.stdin.isRaw, false)
})

test('both may come in one piece, and a known secret is typed once', async () => {
  const source = terminal()
  const asked = readSecret(password, source)
  source.stdin.write('pässwörd\rpässwörd\r')
  assert.equal(await asked, 'pässwörd')
  const other = terminal()
  const known = readSecret({ what: 'client secret', isNew: false }, other)
  other.stdin.write('CLIENT_SECRET\r')
  assert.equal(await known, 'CLIENT_SECRET')
})

test('keys that edit are obeyed, and arrows are no characters', async () => {
  const source = terminal()
  const asked = readSecret({ what: 'secret', isNew: false }, source)
  source.stdin.write('wrong\x15abx\x7f\x1b[D\x1b[3~\x1bOAc😀\x7fd\n')
  assert.equal(await asked, 'abcd')
})

test('two that differ, none at all, and Ctrl-C', async () => {
  const differing = terminal()
  const asked = readSecret(password, differing)
  differing.stdin.write('one\rtwo\r')
  await assert.rejects(asked, new RefusedError('the two were not the same. Nothing was changed.'))

  const empty = terminal()
  const nothing = readSecret(password, empty)
  empty.stdin.write('\r')
  await assert.rejects(nothing, /no password was given/)

  for (const key of ['\x03', '\x04']) {
    const source = terminal()
    const interrupted = readSecret(password, source)
    source.stdin.write(`half${key}`)
    await assert.rejects(interrupted, InterruptedError)
    assert.equal(source.stdin.isRaw, false)
  }
})

test('piped, it is one line, taken as it is', async () => {
  for (const [content, expected] of [
    ['somepassword', 'somepassword'],
    ['somepassword\n', 'somepassword'],
    ['somepassword\r\n', 'somepassword'],
    [' with spaces \nand more\n', ' with spaces '],
  ] as const) {
    assert.equal(await readSecret(password, piped(content)), expected)
  }
})

test('piped, nothing, too much and other encodings are refused', async () => {
  await assert.rejects(readSecret(password, piped('')), /no password came on standard input\. Run this in a terminal/)
  await assert.rejects(readSecret(password, piped('\nsecond')), /no password came/)
  await assert.rejects(readSecret(password, piped('x'.repeat(9000))), /longer than 8192 bytes/)
  await assert.rejects(readSecret(password, piped(Buffer.from([0xff, 0xfe, 0x41]))), /not UTF-8/)
})

test('a line is enough: nobody has to close the pipe', async () => {
  const stdin = new PassThrough()
  stdin.write('somepassword\n')
  assert.equal(await readSecret(password, { stdin, stderr: { write: () => {} } }), 'somepassword')
})
