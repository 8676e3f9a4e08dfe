import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { findMasterKey, makeMasterKey, openMasterKey } from '#cli/master_key.ts'
import { parseConfig } from '#config.ts'

const bytes = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 8 + 7))

const makeFolder = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-key-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a key is read in every form that key generators print', () => {
  for (const text of [
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64'),
    bytes.toString('base64').replace('=', ''),
    bytes.toString('base64url'),
    ` ${bytes.toString('base64url')}\n`,
  ]) {
    assert.deepEqual(findMasterKey(text), bytes, text)
  }
  assert.equal(findMasterKey(makeMasterKey())?.length, 32)
  assert.notEqual(makeMasterKey(), makeMasterKey())
})

test('anything else is no key', () => {
  const url = bytes.toString('base64url')
  for (const text of [
    '',
    'secret',
    bytes.toString('hex').slice(1),
    `${bytes.toString('hex')}00`,
    url.slice(1),
    `${url}A`,
    // The last digit has two bits that must be zero: another spelling would hide a wrong character.
    `${url.slice(0, -1)}${String.fromCharCode(url.charCodeAt(42) + 1)}`,
    `${url.slice(0, 20)}+${url.slice(21, 30)}_${url.slice(31)}`,
    `${url.slice(0, 20)} ${url.slice(21)}`,
  ]) {
    assert.equal(findMasterKey(text), undefined, text)
  }
})

test('the first start makes the key beside the folder, for its owner alone', (t) => {
  const folder = makeFolder(t)
  const config = parseConfig({ database: join(folder, 'data') })
  const key = openMasterKey(config, {})
  const file = join(folder, 'data.key')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(findMasterKey(readFileSync(file, 'utf8')), key)
  assert.deepEqual(openMasterKey(config, {}), key)
  assert.equal(existsSync(join(folder, 'data')), false)
})

test('a folder that is written with a slash at its end has the same key', (t) => {
  const folder = makeFolder(t)
  const key = openMasterKey(parseConfig({ database: join(folder, 'data') }), {})
  assert.deepEqual(openMasterKey(parseConfig({ database: `${join(folder, 'data')}/` }), {}), key)
})

test('the environment comes before the file, and empty is not unset', (t) => {
  const config = parseConfig({ database: join(makeFolder(t), 'data') })
  openMasterKey(config, {})
  assert.deepEqual(openMasterKey(config, { POSTERN_MASTER_KEY: bytes.toString('hex') }), bytes)
  assert.throws(
    () => openMasterKey(config, { POSTERN_MASTER_KEY: '' }),
    /POSTERN_MASTER_KEY is empty: expected 43 or 44/,
  )
})

test('a malformed key is told without a character of it', (t) => {
  const folder = makeFolder(t)
  const config = parseConfig({ database: join(folder, 'data') })
  const wrong = bytes.toString('base64url').slice(3)
  const isTold = (error: Error): boolean => {
    assert.match(error.message, /is not a master key: expected 43 or 44 characters/)
    return !error.message.includes(wrong.slice(0, 8))
  }
  assert.throws(() => openMasterKey(config, { POSTERN_MASTER_KEY: wrong }), isTold)
  writeFileSync(join(folder, 'data.key'), wrong, { mode: 0o600 })
  assert.throws(() => openMasterKey(config, {}), isTold)
  writeFileSync(join(folder, 'data.key'), wrong.repeat(1000), { mode: 0o600 })
  assert.throws(() => openMasterKey(config, {}), isTold)
})

test('a key that others may read is refused with the command that helps', (t) => {
  const folder = makeFolder(t)
  const config = parseConfig({ database: join(folder, 'data') })
  openMasterKey(config, {})
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(join(folder, 'data.key'), mode)
    assert.throws(
      () => openMasterKey(config, {}),
      /others than its owner may use .*data\.key.*Run: chmod 600 \S+data\.key$/,
    )
  }
})

test('a database without its key is never given another', (t) => {
  const folder = makeFolder(t)
  const config = parseConfig({ database: join(folder, 'data') })
  mkdirSync(join(folder, 'data'))
  writeFileSync(join(folder, 'data', 'postern.sqlite'), '')
  assert.throws(
    () => openMasterKey(config, {}),
    /the master key is missing: expected it in .*data\.key, or in POSTERN_MASTER_KEY/,
  )
  assert.equal(existsSync(join(folder, 'data.key')), false)
})

test('master_key_file is used and made elsewhere, and refused in the folder of the database', (t) => {
  const folder = makeFolder(t)
  const elsewhere = join(folder, 'keys', 'postern.key')
  const key = openMasterKey(parseConfig({ database: join(folder, 'data'), master_key_file: elsewhere }), {})
  assert.deepEqual(findMasterKey(readFileSync(elsewhere, 'utf8')), key)
  const inside = parseConfig({ database: join(folder, 'data'), master_key_file: join(folder, 'data', 'postern.key') })
  assert.throws(() => openMasterKey(inside, {}), /must not be in the folder of the database/)
})

test('PostgreSQL has no place for a key: it is told where it goes and what makes one', (t) => {
  const database = 'postgres://postern:geheim@localhost/postern'
  assert.throws(
    () => openMasterKey(parseConfig({ database }), {}),
    /POSTERN_MASTER_KEY.*`postern master-key` prints a new one/,
  )
  const missing = join(makeFolder(t), 'postern.key')
  assert.throws(
    () => openMasterKey(parseConfig({ database, master_key_file: missing }), {}),
    /the master key is missing: expected it in/,
  )
  assert.equal(existsSync(missing), false)
})

test('where the key cannot be written, the message names the ways out', (t) => {
  const folder = makeFolder(t)
  writeFileSync(join(folder, 'file'), '')
  const config = parseConfig({ database: join(folder, 'file', 'data') })
  assert.throws(
    () => openMasterKey(config, {}),
    /the master key cannot be written: E(NOTDIR|EXIST).*name another place/,
  )
})
