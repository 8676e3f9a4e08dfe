import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHosts } from '#http/hosts.ts'
import { ECHO, surface } from './serving.ts'

const site = (names: readonly string[] | 'any') => ({ names, surfaces: [surface('/', ECHO)] })

test('a site is found by its name, whatever the port and the case', () => {
  const { find, first } = createHosts([site(['a.example', 'localhost']), site(['b.example', '[::1]'])])
  for (const host of ['a.example', 'A.Example', 'a.example:8443', 'localhost:1', 'a.example:']) {
    assert.equal(find(host), first, host)
  }
  assert.notEqual(find('b.example'), first)
  assert.equal(find('[::1]:9400'), find('b.example'))
  for (const host of ['c.example', '', 'a.example:x', 'a.example.', '[::1', '::1'])
    assert.equal(find(host), undefined, host)
  assert.equal(find(undefined), first, 'HTTP/1.0 has no host')
})

test('a site without names of its own takes what no other has', () => {
  const { find, first } = createHosts([site(['a.example']), site('any')])
  assert.equal(find('a.example'), first)
  assert.notEqual(find('x.example'), first)
  assert.notEqual(find('x.example'), undefined)
})

test('two sites never share a name', () => {
  assert.throws(
    () => createHosts([site(['a.example']), site(['a.example'])]),
    /two sites have the host name a\.example/,
  )
  assert.throws(() => createHosts([]), /no site/)
})
