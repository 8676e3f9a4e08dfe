import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createIdPermutation } from '#base/id_permutation.ts'
import { deriveKey, random, type Key } from '#base/secrets.ts'
import { createSubjects } from '#tokens/subject.ts'
import { client } from './tokens.ts'

const makeSubjects = () => {
  const master = random(32) as Key
  return createSubjects({
    prefix: 'people',
    browserSessionIds: createIdPermutation(deriveKey(master, 'ids'), 9),
    pairwiseKey: deriveKey(master, 'pairwise subjects'),
  })
}
const subjects = makeSubjects()

const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const host = fc.domain().map((name) => name.toLowerCase())
const pairwise = (name: string, path = '/callback') =>
  client({ subjectType: 'pairwise', redirectUris: [`https://${name}${path}`] })

test('clients of one sector see one subject for an account, those of another sector another (OpenID Connect Core 1.0 §8.1)', () => {
  fc.assert(
    fc.property(host, host, id, id, (one, two, a, b) => {
      const here = subjects.subjectFor(pairwise(one), { id: a })
      assert.match(here, /^[0-9A-Za-z]{43}$/)
      assert.equal(subjects.subjectFor(pairwise(one, ':8443/elsewhere'), { id: a }), here)
      assert.equal(subjects.subjectFor(pairwise(two), { id: a }) === here, one === two)
      assert.equal(subjects.subjectFor(pairwise(one), { id: b }) === here, a === b)
    }),
  )
})

test('a sector identifier URI joins clients of many hosts', () => {
  const sectorIdentifierUri = 'https://sector.example.org/uris.json'
  fc.assert(
    fc.property(host, host, id, (one, two, a) => {
      const of = (name: string) =>
        subjects.subjectFor(
          client({ subjectType: 'pairwise', redirectUris: [`https://${name}/`], sectorIdentifierUri }),
          { id: a },
        )
      assert.equal(of(one), of(two))
      assert.equal(of(one), subjects.subjectFor(pairwise('sector.example.org'), { id: a }))
    }),
  )
})

test('without the key nobody makes a subject from an account: another key gives others, and the id is not in it', () => {
  const stranger = makeSubjects()
  fc.assert(
    fc.property(host, id, (name, a) => {
      const seen = subjects.subjectFor(pairwise(name), { id: a })
      assert.notEqual(seen, stranger.subjectFor(pairwise(name), { id: a }))
      if (a > 99_999) assert.ok(!seen.includes(String(a)))
    }),
  )
})

test('the session of a browser has another sid in each sector too, and none is a subject', () => {
  fc.assert(
    fc.property(host, host, id, (one, two, a) => {
      const sid = subjects.sidFor(pairwise(one), a)
      assert.equal(sid === subjects.sidFor(pairwise(two), a), one === two)
      assert.notEqual(sid, subjects.subjectFor(pairwise(one), { id: a }))
      assert.notEqual(sid, subjects.sidFor(client(), a))
    }),
  )
})

test('a public subject is the prefix and the id, the same at every client', () => {
  assert.equal(subjects.subjectFor(client(), { id: 4711 }), 'people|4711')
  assert.equal(subjects.subjectFor(client({ subjectType: 'public' }), { id: 4711 }), 'people|4711')
})
