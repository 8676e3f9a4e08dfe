import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findSectorDefect, findUrisOutsideSector, sectorIdentifierOf } from '#protocol/sector_identifier.ts'

const SECTOR = 'https://sector.example.org/uris.json'

test('the sector is the host of the redirect URIs, or that of the sector identifier URI (OpenID Connect Core 1.0 §8.1)', () => {
  assert.equal(
    sectorIdentifierOf({ redirectUris: ['https://a.example.com/one', 'https://A.example.com:8443/two'] }),
    'a.example.com',
  )
  const redirectUris = ['https://a.example.com/', 'https://b.example.net/', 'com.example.app:/callback']
  assert.equal(sectorIdentifierOf({ redirectUris, sectorIdentifierUri: SECTOR }), 'sector.example.org')
  assert.equal(sectorIdentifierOf({ redirectUris: [], sectorIdentifierUri: SECTOR }), 'sector.example.org')
})

test('a client whose sector is not one host has none, and is never given one', () => {
  for (const redirectUris of [
    [],
    ['https://a.example.com/', 'https://b.example.com/'],
    ['com.example.app:/callback'],
    ['com.example.app:/callback', 'org.example.other:/callback'],
  ]) {
    assert.match(findSectorDefect({ redirectUris }) ?? '', /one host/)
    assert.throws(() => sectorIdentifierOf({ redirectUris }), /no sector/)
  }
  for (const sectorIdentifierUri of ['http://sector.example.org/', 'file:///etc/passwd', 'sector.example.org', '']) {
    assert.match(findSectorDefect({ redirectUris: ['https://a.example.com/'], sectorIdentifierUri }) ?? '', /https/)
  }
})

test('the document vouches for the redirect URIs that it lists byte for byte, and for nothing if it is no list', () => {
  const uris = ['https://a.example.com/', 'https://b.example.com/']
  assert.deepEqual(findUrisOutsideSector([...uris, 'https://c.example.com/'], uris), [])
  assert.deepEqual(findUrisOutsideSector(['https://a.example.com/', 'https://b.example.com'], uris), [uris[1]])
  assert.deepEqual(findUrisOutsideSector([], uris), uris)
  for (const document of [{}, null, uris[0], [1], [uris[0], null], undefined, { 0: uris[0], 1: uris[1], length: 2 }]) {
    assert.equal(findUrisOutsideSector(document, uris), undefined)
  }
})
