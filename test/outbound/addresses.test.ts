import fc from 'fast-check'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findPlainAddress, isLoopbackAddress, isPublicAddress } from '#outbound/addresses.ts'

test('servers of the internet have public addresses', () => {
  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '93.184.216.34',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.0.1',
    '192.0.1.1',
  ]) {
    assert.equal(isPublicAddress(address), true, address)
  }
  for (const address of ['2606:4700:4700::1111', '2a00:1450:4001:82a::200e', '2001:4860:4860::8888', '2001:200::1']) {
    assert.equal(isPublicAddress(address), true, address)
  }
})

test('what is no address is not public', () => {
  for (const text of ['', 'localhost', '127.1', '0x7f000001', '2130706433', '::1%lo', 'fe80::1%eth0', '1.1.1.1/8']) {
    assert.equal(isPublicAddress(text), false, text)
    assert.equal(findPlainAddress(text), undefined, text)
  }
})

test('an IPv4 address is judged alike bare, mapped and behind NAT64, however it is written', () => {
  const byte = fc.nat(255)
  fc.assert(
    fc.property(fc.tuple(byte, byte, byte, byte), (bytes) => {
      const dotted = bytes.join('.')
      const hex = Buffer.from(bytes).toString('hex')
      const forms = [
        `::ffff:${dotted}`,
        `::FFFF:${hex.slice(0, 4)}:${hex.slice(4)}`,
        `0:0:0:0:0:ffff:${dotted}`,
        ...(hex.startsWith('0000') ? [] : [`64:ff9b::${dotted}`, `64:ff9b::${hex.slice(0, 4)}:${hex.slice(4)}`]),
      ]
      for (const form of forms) {
        assert.equal(isPublicAddress(form), isPublicAddress(dotted), form)
        assert.equal(isLoopbackAddress(form), isLoopbackAddress(dotted), form)
        assert.equal(findPlainAddress(form), dotted, form)
      }
    }),
  )
})

test('no address outside of 2000::/3 is public, unless it wraps an IPv4 address', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const plain = findPlainAddress(address)
      if (plain === undefined || !plain.includes(':')) return
      const first = parseInt(plain.startsWith(':') ? '0' : plain, 16)
      if (first >> 13 !== 1) assert.equal(isPublicAddress(address), false, address)
    }),
  )
})
