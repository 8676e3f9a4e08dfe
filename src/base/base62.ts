const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const VALUES = new Map(Array.from(DIGITS, (digit, value) => [digit, BigInt(value)]))

/** How many base62 digits hold any value of `bits` bits. */
const widthOf = (bits: number): number => Math.ceil(bits / Math.log2(62))

/** Writes 64 bits as 11 digits: a fixed width, so that a reader needs no separator. */
export const encodeUint64 = (value: bigint): string => encode(value, widthOf(64))

/** Reads what `encodeUint64` wrote; `undefined` for another length, another alphabet or a value beyond 64 bits. */
export const findUint64 = (text: string): bigint | undefined => {
  if (text.length !== widthOf(64)) return undefined
  let value = 0n
  for (const digit of text) {
    const digitValue = VALUES.get(digit)
    if (digitValue === undefined) return undefined
    value = value * 62n + digitValue
  }
  return value >> 64n === 0n ? value : undefined
}

/** Writes bytes (big-endian) in a fixed width that depends on their number alone: 32 bytes become 43 digits. */
export const encodeBytes = (bytes: Uint8Array): string =>
  encode(BigInt(`0x${Buffer.from(bytes).toString('hex')}`), widthOf(bytes.length * 8))

const encode = (value: bigint, width: number): string => {
  let rest = value
  const digits = new Array<string>(width)
  // Eight digits (62^8) fit a double exactly, and arithmetic on those is several times cheaper than on big integers.
  for (let end = width; end > 0; end -= 8) {
    let chunk = Number(rest % 218_340_105_584_896n)
    rest /= 218_340_105_584_896n
    for (let place = end - 1; place >= Math.max(0, end - 8); place--) {
      digits[place] = DIGITS[chunk % 62]!
      chunk = Math.floor(chunk / 62)
    }
  }
  return digits.join('')
}
