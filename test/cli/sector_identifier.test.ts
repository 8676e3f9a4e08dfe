import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RefusedError } from '#cli/failures.ts'
import { refuseForeignSector } from '#cli/sector_identifier.ts'
import { OutboundError } from '#outbound/outbound.ts'

const sectorIdentifierUri = 'https://sector.example.org/uris.json'
const redirectUris = ['https://a.example.com/cb', 'https://b.example.net/cb']

/** A network where this is at the sector identifier URI, and nothing elsewhere. */
const serving = (document: unknown) => ({
  getJson: (url: string) => {
    assert.equal(url, sectorIdentifierUri)
    return document instanceof Error ? Promise.reject(document) : Promise.resolve(document)
  },
})

test('N13 · a client whose redirect URIs are not all in the document of its sector is not registered (OIDC §8.1)', async () => {
  for (const [document, told] of [
    [[redirectUris[0]], /does not list https:\/\/b\.example\.net\/cb/],
    [[], /does not list https:\/\/a\.example\.com\/cb, https:\/\/b/],
    [{ redirect_uris: redirectUris }, /not a JSON array/],
    ['https://a.example.com/cb', /not a JSON array/],
    [new OutboundError({ cause: new Error('the address 10.0.0.1 is not public') }), /not public/],
  ] as const) {
    await assert.rejects(refuseForeignSector({ sectorIdentifierUri, redirectUris }, serving(document)), (error) => {
      assert.ok(error instanceof RefusedError)
      assert.match(error.message, told)
      return true
    })
  }
  await refuseForeignSector({ sectorIdentifierUri, redirectUris }, serving([...redirectUris, 'https://c.example.com/']))
  // Without one, nobody is asked.
  await refuseForeignSector({ redirectUris }, { getJson: () => assert.fail('asked') })
})
